-- Environment variables: one key for the organization, a sealed value for each environment.
CREATE TABLE environment_variables (
  organization_id {text} NOT NULL,
  id {text} NOT NULL,
  variable_key {text} NOT NULL,
  is_secret {bool} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (organization_id, id)
) {end};
CREATE UNIQUE INDEX environment_variables_key ON environment_variables (organization_id, variable_key);

CREATE TABLE environment_variable_values (
  environment_id {text} NOT NULL,
  variable_id {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (environment_id, variable_id)
) {end};
CREATE INDEX environment_variable_values_variable ON environment_variable_values (variable_id);

ALTER TABLE environments ADD COLUMN bridge_url {text};
ALTER TABLE environments ADD COLUMN inbound_domain {text};
