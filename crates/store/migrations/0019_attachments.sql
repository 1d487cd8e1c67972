-- Files that a trigger brings along, once for each event; content is base64.
CREATE TABLE attachments (
  environment_id {text} NOT NULL,
  event_id {text} NOT NULL,
  id {text} NOT NULL,
  name {text} NOT NULL,
  size {int} NOT NULL,
  content {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, event_id, id)
) {end};
