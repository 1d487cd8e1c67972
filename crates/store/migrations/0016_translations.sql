-- Texts of workflows and layouts in other languages: one JSON document for each resource and locale. resource_id is our
-- id, so that they stay with their resource.
CREATE TABLE translations (
  environment_id {text} NOT NULL,
  resource_type {text} NOT NULL,
  resource_id {text} NOT NULL,
  locale {text} NOT NULL,
  content {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, resource_type, resource_id, locale)
) {end};

-- When a workflow was last published, from here or to here.
ALTER TABLE workflows ADD COLUMN published_at {int};
