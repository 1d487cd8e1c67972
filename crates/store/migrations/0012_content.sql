-- Frames around e-mail bodies. At most one of an environment is the one that is used where a step names none.
CREATE TABLE layouts (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  layout_id {text} NOT NULL,
  name {text} NOT NULL,
  is_default {bool} NOT NULL,
  translated {bool} NOT NULL,
  controls {text} NOT NULL,
  search {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX layouts_layout_id ON layouts (environment_id, layout_id);
CREATE UNIQUE INDEX layouts_default ON layouts (environment_id) WHERE is_default;

-- What messages of the other channels have: the head of a mail or a push, and whom they went to. cta holds redirect and
-- buttons, data the author's own members.
ALTER TABLE messages ADD COLUMN subject {text};
ALTER TABLE messages ADD COLUMN avatar {text};
ALTER TABLE messages ADD COLUMN cta {text};
ALTER TABLE messages ADD COLUMN data {text};
ALTER TABLE messages ADD COLUMN tags {text} NOT NULL DEFAULT '[]';
ALTER TABLE messages ADD COLUMN severity {text} NOT NULL DEFAULT 'none';
ALTER TABLE messages ADD COLUMN email {text};
ALTER TABLE messages ADD COLUMN phone {text};
ALTER TABLE messages ADD COLUMN device_tokens {text};

-- What the subscriber did with an in-app message, and when. delivered_at is the JSON list of the times at which it came
-- up: once when it was made, and again after each snooze.
ALTER TABLE messages ADD COLUMN is_seen {bool} NOT NULL DEFAULT FALSE;
ALTER TABLE messages ADD COLUMN is_read {bool} NOT NULL DEFAULT FALSE;
ALTER TABLE messages ADD COLUMN is_archived {bool} NOT NULL DEFAULT FALSE;
ALTER TABLE messages ADD COLUMN first_seen_at {int};
ALTER TABLE messages ADD COLUMN last_seen_at {int};
ALTER TABLE messages ADD COLUMN last_read_at {int};
ALTER TABLE messages ADD COLUMN archived_at {int};
ALTER TABLE messages ADD COLUMN snoozed_until {int};
ALTER TABLE messages ADD COLUMN delivered_at {text};

-- The feed of a subscriber in one set of contexts, newest last; what is counted; and who comes up again when.
CREATE INDEX messages_feed ON messages (environment_id, subscriber_id, contexts, id) WHERE channel = 'in_app';
CREATE INDEX messages_unread ON messages (environment_id, subscriber_id, contexts, id)
  WHERE channel = 'in_app' AND NOT is_read AND NOT is_archived AND snoozed_until IS NULL;
CREATE INDEX messages_snoozed ON messages (snoozed_until) WHERE snoozed_until IS NOT NULL;
