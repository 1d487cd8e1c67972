-- Health: what vendors tell us, when we ask them ourselves, and how integrations stand.

-- Vendors name an integration by its id alone; what they tell counts for all integrations of the same app.
CREATE INDEX integrations_id ON integrations (id);
CREATE INDEX integrations_provider ON integrations (organization_id, provider_id);

-- Vendors tell about a workspace, tenant or organisation.
CREATE INDEX connections_workspace ON connections (environment_id, integration_id, {workspace_id});

-- What a vendor told already, so that what is told twice or replayed counts once. Times are real ones.
CREATE TABLE hook_events (
  integration_id {text} NOT NULL,
  event_id {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (integration_id, event_id)
) {keys};
CREATE INDEX hook_events_created ON hook_events (created_at);

-- Where Microsoft wants to be called for a tenant, as its last activity said.
CREATE TABLE teams_service_urls (
  organization_id {text} NOT NULL,
  client_id {text} NOT NULL,
  tenant_id {text} NOT NULL,
  service_url {text} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (organization_id, client_id, tenant_id)
) {keys};

-- probe_at: when the vendor is asked next, null until it is planned. probing_until: somebody is asking. probed_at: when
-- the vendor last answered.
ALTER TABLE grants ADD COLUMN probe_at {int};
ALTER TABLE grants ADD COLUMN probing_until {int};
ALTER TABLE grants ADD COLUMN probed_at {int};
CREATE INDEX grants_probe ON grants (probe_at);
CREATE INDEX grants_expires ON grants (expires_at) WHERE status = 'active' AND expires_at IS NOT NULL;

-- A keyed hash of what a vendor's event names an endpoint by: its channel, user, chat or team; empty where there is no
-- such thing, null where it was not made yet.
ALTER TABLE endpoints ADD COLUMN place {text};
CREATE INDEX endpoints_place ON endpoints (environment_id, integration_id, place);
CREATE INDEX endpoints_without_place ON endpoints (id) WHERE place IS NULL;

-- How an integration stands, once there was something to tell. warned is the last warning: its days before the end.
CREATE TABLE integration_health (
  environment_id {text} NOT NULL,
  integration_id {text} NOT NULL,
  status {text} NOT NULL,
  reason {text},
  since {int} NOT NULL,
  expires_at {int},
  warned {int},
  health_change {text},
  PRIMARY KEY (environment_id, integration_id)
) {keys};
