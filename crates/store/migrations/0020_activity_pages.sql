-- Pages of the activity of one event, and of one topic, in the order in which they are shown.
CREATE INDEX notifications_of_event ON notifications (environment_id, event_id, id);
CREATE INDEX notifications_topic ON notifications (environment_id, topics, id) WHERE topics <> '';
