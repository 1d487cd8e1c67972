-- What a subscriber chose: on or off for a channel, null where nothing was said. workflow_id is empty for what holds for
-- all workflows; only that row has a schedule. contexts is the canonical set, or empty for none.
CREATE TABLE preferences (
  environment_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  workflow_id {text} NOT NULL,
  in_app {bool},
  email {bool},
  sms {bool},
  chat {bool},
  push {bool},
  tool {bool},
  scheduled {bool},
  week {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, subscriber_id, contexts, workflow_id)
) {keys};
CREATE INDEX preferences_workflow ON preferences (environment_id, workflow_id) WHERE workflow_id <> '';
