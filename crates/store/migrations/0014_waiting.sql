-- A digest collects events until it is due. notification_id and position name the job that waits for it.
-- state: 0 open, 1 closed (nothing joins any more), 2 over. version grows with every change, so that whoever decided
-- by an older one begins again.
CREATE TABLE digest_windows (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  workflow_id {text} NOT NULL,
  step_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  value {text} NOT NULL,
  notification_id {text} NOT NULL,
  position {int} NOT NULL,
  state {int} NOT NULL,
  version {int} NOT NULL,
  due_at {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
-- One window at a time is open for what belongs together.
CREATE UNIQUE INDEX digest_windows_open ON digest_windows
  (environment_id, workflow_id, step_id, subscriber_id, contexts, value) WHERE state = 0;

-- The events of a window, the first one included: each job is in one window at the most.
CREATE TABLE digest_members (
  environment_id {text} NOT NULL,
  window_id {text} NOT NULL,
  notification_id {text} NOT NULL,
  position {int} NOT NULL,
  event_id {text} NOT NULL,
  PRIMARY KEY (environment_id, window_id, notification_id)
) {keys};
CREATE UNIQUE INDEX digest_members_job ON digest_members (environment_id, notification_id, position);

-- How often a step ran for a subscriber since started_at: what throttles and look-backs ask. Worth nothing after ends_at.
CREATE TABLE recent_runs (
  environment_id {text} NOT NULL,
  workflow_id {text} NOT NULL,
  step_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  value {text} NOT NULL,
  started_at {int} NOT NULL,
  ends_at {int} NOT NULL,
  runs {int} NOT NULL,
  PRIMARY KEY (environment_id, workflow_id, step_id, subscriber_id, contexts, value)
) {keys};
CREATE INDEX recent_runs_ended ON recent_runs (ends_at);

-- How often a wait was extended to the subscriber's next opening.
ALTER TABLE jobs ADD COLUMN extensions {int} NOT NULL DEFAULT 0;
