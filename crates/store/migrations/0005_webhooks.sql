-- Outbound webhooks: who is told of changes, and what became of telling them.

-- Whoever adds a change leaves it pending; the relay makes its deliveries and clears the mark in one commit. What was
-- there before there were webhooks is nobody's news. body is what goes out, byte for byte, each time; sealed.
ALTER TABLE changes ADD COLUMN pending {bool} NOT NULL DEFAULT TRUE;
UPDATE changes SET pending = FALSE;
ALTER TABLE changes ADD COLUMN body {text};
CREATE INDEX changes_pending ON changes (id) WHERE pending;

-- url and secrets are sealed. failing_since is null as long as the last attempt worked. disabled_change is the id of the
-- change that told of it, so that exactly the batch that disabled the endpoint tells.
CREATE TABLE webhook_endpoints (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  url {text} NOT NULL,
  description {text},
  events {text} NOT NULL,
  active {bool} NOT NULL,
  secret {text} NOT NULL,
  old_secret {text},
  old_secret_until {int},
  failing_since {int},
  disabled_at {int},
  disabled_reason {text},
  disabled_change {text},
  last_success_at {int},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};

-- One change on its way to one webhook endpoint.
CREATE TABLE webhook_deliveries (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  endpoint_id {text} NOT NULL,
  change_id {text} NOT NULL,
  kind {text} NOT NULL,
  state {text} NOT NULL,
  attempts {int} NOT NULL,
  last_status {int},
  last_error {text},
  next_attempt_at {int},
  expires_at {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  finished_at {int},
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX webhook_deliveries_change ON webhook_deliveries (environment_id, change_id, endpoint_id);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (environment_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (environment_id, endpoint_id, state, id);
CREATE INDEX webhook_deliveries_kind ON webhook_deliveries (environment_id, endpoint_id, kind, id);

-- One call to the receiver.
CREATE TABLE webhook_attempts (
  environment_id {text} NOT NULL,
  delivery_id {text} NOT NULL,
  id {text} NOT NULL,
  status {int},
  duration {int} NOT NULL,
  error {text},
  response {text},
  repeated {bool} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, delivery_id, id)
) {keys};
