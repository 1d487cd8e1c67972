-- One text for both engines: {text}, {int}, {bool} and the endings are spelled per engine by db/migrate.rs.
-- Times are milliseconds since 1970 (UTC). Tenant tables carry environment_id first in their keys.

-- Global tables -------------------------------------------------------------------------------------------------

-- The root key, sealed by each master key that may open it.
CREATE TABLE keyring (
  id {text} NOT NULL PRIMARY KEY,
  master_id {text} NOT NULL,
  sealed {text} NOT NULL,
  created_at {int} NOT NULL
) {end};

-- Facts about the database itself, such as whether it was made in dev mode.
CREATE TABLE facts (
  name {text} NOT NULL PRIMARY KEY,
  value {text} NOT NULL
) {end};

-- Node numbers and duties, each held by one process at a time.
CREATE TABLE leases (
  name {text} NOT NULL PRIMARY KEY,
  holder {text} NOT NULL,
  until {int} NOT NULL
) {end};

CREATE TABLE organizations (
  id {text} NOT NULL PRIMARY KEY,
  name {text} NOT NULL,
  created_at {int} NOT NULL
) {end};

CREATE TABLE environments (
  id {text} NOT NULL PRIMARY KEY,
  organization_id {text} NOT NULL,
  name {text} NOT NULL,
  identifier {text} NOT NULL,
  kind {text} NOT NULL,
  color {text},
  parent_id {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX environments_identifier ON environments (identifier);
CREATE UNIQUE INDEX environments_name ON environments (organization_id, name);

-- API keys are found by keyed hash; the sealed text is there to be shown again to those who may see it.
CREATE TABLE api_keys (
  id {text} NOT NULL PRIMARY KEY,
  organization_id {text} NOT NULL,
  environment_id {text} NOT NULL,
  hash {text} NOT NULL,
  sealed {text} NOT NULL,
  name {text} NOT NULL,
  scopes {text},
  expires_at {int},
  created_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_environment ON api_keys (environment_id, id);

-- One set of tokens that a vendor issued. It belongs to the organization: Development and Production may share it.
-- health_change is the id of the last change of status, so that exactly the batch that made it announces it.
CREATE TABLE grants (
  id {text} NOT NULL PRIMARY KEY,
  organization_id {text} NOT NULL,
  provider_id {text} NOT NULL,
  grant_key {text} NOT NULL,
  source {text} NOT NULL,
  tokens {text} NOT NULL,
  generation {int} NOT NULL,
  status {text} NOT NULL,
  reason {text},
  since {int} NOT NULL,
  last_success_at {int},
  last_error {text},
  expires_at {int},
  scopes {text},
  missing_scopes {text},
  health_change {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX grants_key ON grants (organization_id, grant_key);

-- The work queue. state: 0 ready, 1 scheduled, 2 leased, 3 held (by the grant named in hold), 4 parked.
CREATE TABLE tasks (
  id {text} NOT NULL PRIMARY KEY,
  organization_id {text} NOT NULL,
  environment_id {text} NOT NULL,
  lane {text} NOT NULL,
  priority {int} NOT NULL,
  state {int} NOT NULL,
  run_at {int} NOT NULL,
  kind {text} NOT NULL,
  payload {text} NOT NULL,
  request_id {text} NOT NULL,
  hold {text},
  lease_holder {text},
  lease_until {int},
  claims {int} NOT NULL,
  created_at {int} NOT NULL
) {queue};
CREATE INDEX tasks_ready ON tasks (environment_id, lane, priority, run_at, id) WHERE state = 0;
CREATE INDEX tasks_waiting ON tasks (run_at, id) WHERE state IN (1, 3);
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE state = 2;
CREATE INDEX tasks_held ON tasks (hold) WHERE state = 3;

-- Who changed what: one row with each administrative write, in its commit.
CREATE TABLE audits (
  organization_id {text} NOT NULL,
  id {text} NOT NULL,
  environment_id {text} NOT NULL,
  actor {text} NOT NULL,
  action {text} NOT NULL,
  target {text} NOT NULL,
  request_id {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (organization_id, id)
) {end};

-- State changes that users can subscribe to; the id is the stable webhook-id.
CREATE TABLE changes (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  kind {text} NOT NULL,
  object {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};

-- Configuration of an environment ------------------------------------------------------------------------------

CREATE TABLE integrations (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  organization_id {text} NOT NULL,
  identifier {text} NOT NULL,
  name {text} NOT NULL,
  provider_id {text} NOT NULL,
  channel {text},
  kind {text} NOT NULL,
  credentials {text} NOT NULL,
  configurations {text} NOT NULL,
  conditions {text} NOT NULL,
  active {bool} NOT NULL,
  is_primary {bool} NOT NULL,
  priority {int} NOT NULL,
  send {text} NOT NULL,
  deleted_at {int},
  deleted_by {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX integrations_identifier ON integrations (environment_id, identifier) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX integrations_primary ON integrations (environment_id, channel) WHERE is_primary AND deleted_at IS NULL;

-- Counts the changes of an environment's integrations: one that was decided on an older state is refused.
CREATE TABLE integration_sets (
  environment_id {text} NOT NULL PRIMARY KEY,
  version {int} NOT NULL
) {end};

CREATE TABLE workflows (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  workflow_id {text} NOT NULL,
  name {text} NOT NULL,
  description {text},
  tags {text} NOT NULL,
  active {bool} NOT NULL,
  status {text} NOT NULL,
  validate_payload {bool} NOT NULL,
  payload_schema {text},
  translated {bool} NOT NULL,
  severity {text} NOT NULL,
  origin {text} NOT NULL,
  preferences {text} NOT NULL,
  steps {text} NOT NULL,
  search {text} NOT NULL,
  last_triggered_at {int},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX workflows_workflow_id ON workflows (environment_id, workflow_id);

-- People and where they are reached ----------------------------------------------------------------------------

-- profile is the JSON object of what was set, explicit nulls included; the lifted columns are for search.
CREATE TABLE subscribers (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  profile {text} NOT NULL,
  email {text},
  phone {text},
  first_name {text},
  last_name {text},
  full_name {text},
  is_online {bool},
  last_online_at {int},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX subscribers_subscriber_id ON subscribers (environment_id, subscriber_id);
CREATE INDEX subscribers_email ON subscribers (environment_id, email) WHERE email IS NOT NULL;
CREATE INDEX subscribers_phone ON subscribers (environment_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX subscribers_full_name ON subscribers (environment_id, full_name) WHERE full_name IS NOT NULL;
CREATE INDEX subscribers_first_name ON subscribers (environment_id, first_name) WHERE first_name IS NOT NULL;
CREATE INDEX subscribers_last_name ON subscribers (environment_id, last_name) WHERE last_name IS NOT NULL;
CREATE INDEX subscribers_created ON subscribers (environment_id, created_at, id);
CREATE INDEX subscribers_updated ON subscribers (environment_id, updated_at, id);

-- Legacy channel credentials of a subscriber, one row per integration.
CREATE TABLE subscriber_channels (
  environment_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  integration_id {text} NOT NULL,
  provider_id {text} NOT NULL,
  credentials {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, subscriber_id, integration_id)
) {end};

CREATE TABLE contexts (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  kind {text} NOT NULL,
  identifier {text} NOT NULL,
  context_key {text} NOT NULL,
  data {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX contexts_key ON contexts (environment_id, context_key);
CREATE INDEX contexts_kind ON contexts (environment_id, kind, id);
CREATE INDEX contexts_created ON contexts (environment_id, created_at, id);
CREATE INDEX contexts_updated ON contexts (environment_id, updated_at, id);

-- Whose grant it is. subscriber is the subscriber's row id, or empty for a shared connection; contexts is the
-- canonical set, or empty for none: both never null, so that the unique index holds for every case.
CREATE TABLE connections (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  identifier {text} NOT NULL,
  integration_id {text} NOT NULL,
  grant_id {text} NOT NULL,
  subscriber {text} NOT NULL,
  contexts {text} NOT NULL,
  workspace {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX connections_identifier ON connections (environment_id, identifier);
CREATE UNIQUE INDEX connections_scope ON connections (environment_id, integration_id, subscriber, contexts);
CREATE INDEX connections_subscriber ON connections (environment_id, subscriber, id);
CREATE INDEX connections_created ON connections (environment_id, created_at, id);
CREATE INDEX connections_updated ON connections (environment_id, updated_at, id);
CREATE INDEX connections_grant ON connections (grant_id);

-- Where to deliver. address is sealed JSON; address_key is a keyed hash where an address may exist only once.
CREATE TABLE endpoints (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  identifier {text} NOT NULL,
  integration_id {text} NOT NULL,
  connection_id {text},
  connection_identifier {text},
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  channel {text} NOT NULL,
  kind {text} NOT NULL,
  address {text} NOT NULL,
  address_key {text},
  status {text} NOT NULL,
  reason {text},
  since {int} NOT NULL,
  last_success_at {int},
  last_error {text},
  health_change {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX endpoints_identifier ON endpoints (environment_id, identifier);
CREATE UNIQUE INDEX endpoints_address ON endpoints (environment_id, integration_id, address_key) WHERE address_key IS NOT NULL;
CREATE INDEX endpoints_subscriber ON endpoints (environment_id, subscriber_id, id);
CREATE INDEX endpoints_connection ON endpoints (environment_id, connection_id) WHERE connection_id IS NOT NULL;
CREATE INDEX endpoints_left ON endpoints (environment_id, connection_identifier) WHERE connection_id IS NULL;
CREATE INDEX endpoints_created ON endpoints (environment_id, created_at, id);
CREATE INDEX endpoints_updated ON endpoints (environment_id, updated_at, id);

-- Events and what becomes of them ------------------------------------------------------------------------------

-- Event keys are kept as long as events: a repeated transactionId never makes a second one.
CREATE TABLE event_keys (
  environment_id {text} NOT NULL,
  transaction_id {text} NOT NULL,
  event_id {text} NOT NULL,
  PRIMARY KEY (environment_id, transaction_id)
) {keys};

-- Answers to requests with an Idempotency-Key. An accepted trigger stores only its event; others their sealed answer.
CREATE TABLE idempotency (
  environment_id {text} NOT NULL,
  idempotency_key {text} NOT NULL,
  fingerprint {text} NOT NULL,
  event_id {text},
  status {int} NOT NULL,
  answer {text},
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, idempotency_key)
) {keys};
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE events (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  transaction_id {text} NOT NULL,
  workflow_id {text} NOT NULL,
  contexts {text} NOT NULL,
  recipients {text} NOT NULL,
  payload {text} NOT NULL,
  overrides {text} NOT NULL,
  request_id {text} NOT NULL,
  created_at {int} NOT NULL,
  finished_at {int},
  PRIMARY KEY (environment_id, id)
) {end};

CREATE TABLE notifications (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  event_id {text} NOT NULL,
  transaction_id {text} NOT NULL,
  workflow_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  recipient {text} NOT NULL,
  contexts {text} NOT NULL,
  channels {text} NOT NULL,
  tags {text} NOT NULL,
  severity {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  finished_at {int},
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX notifications_event ON notifications (environment_id, event_id, subscriber_id);
CREATE INDEX notifications_subscriber ON notifications (environment_id, subscriber_id, id);
CREATE INDEX notifications_workflow ON notifications (environment_id, workflow_id, id);

-- open_first: deliveries whose first attempt has not ended; open: deliveries that have not ended; sent: that went out.
CREATE TABLE jobs (
  environment_id {text} NOT NULL,
  notification_id {text} NOT NULL,
  position {int} NOT NULL,
  id {text} NOT NULL,
  step_id {text} NOT NULL,
  step {text} NOT NULL,
  kind {text} NOT NULL,
  status {text} NOT NULL,
  provider_id {text},
  halts {bool} NOT NULL,
  open_first {int} NOT NULL,
  open {int} NOT NULL,
  sent {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, notification_id, position)
) {keys};

CREATE TABLE messages (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  event_id {text} NOT NULL,
  notification_id {text} NOT NULL,
  position {int} NOT NULL,
  workflow_id {text} NOT NULL,
  transaction_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  channel {text} NOT NULL,
  provider_id {text} NOT NULL,
  integration_id {text} NOT NULL,
  content {text} NOT NULL,
  overrides {text} NOT NULL,
  channel_data {text} NOT NULL,
  status {text} NOT NULL,
  error_id {text},
  error_text {text},
  open {int} NOT NULL,
  sent {int} NOT NULL,
  expires_at {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE INDEX messages_notification ON messages (environment_id, notification_id);
CREATE INDEX messages_event ON messages (environment_id, event_id, id);
CREATE INDEX messages_subscriber ON messages (environment_id, subscriber_id, id);

-- One message on its way to one address. address is sealed when it does not come from an endpoint's row.
CREATE TABLE deliveries (
  environment_id {text} NOT NULL,
  message_id {text} NOT NULL,
  id {text} NOT NULL,
  integration_id {text} NOT NULL,
  endpoint_id {text},
  address {text},
  state {text} NOT NULL,
  attempts {int} NOT NULL,
  provider_message_id {text},
  outcome {text},
  next_attempt_at {int},
  expires_at {int} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, message_id, id)
) {keys};

-- The story that explains a job. detail is a code of the text catalogue.
CREATE TABLE traces (
  environment_id {text} NOT NULL,
  notification_id {text} NOT NULL,
  id {text} NOT NULL,
  position {int} NOT NULL,
  detail {text} NOT NULL,
  status {text} NOT NULL,
  source {text} NOT NULL,
  provider_id {text},
  raw {text},
  is_retry {bool} NOT NULL,
  request_id {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, notification_id, id)
) {keys};

-- Dev mode's outbox: what would have gone out.
CREATE TABLE outbox (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  channel {text} NOT NULL,
  provider_id {text} NOT NULL,
  integration_identifier {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  recipient {text} NOT NULL,
  content {text} NOT NULL,
  request {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
