-- Lists stay quick whatever they are narrowed by at once: what lets few rows through is looked up by its own index, and
-- the rest is read in order from an index that holds every column that a list can be narrowed by.

-- A connection stands as its grant does. It is written with each change of the grant's status.
ALTER TABLE connections ADD COLUMN status {text} NOT NULL DEFAULT 'active';
UPDATE connections SET status = (SELECT g.status FROM grants g WHERE g.id = connections.grant_id)
  WHERE EXISTS (SELECT 1 FROM grants g WHERE g.id = connections.grant_id);
DROP INDEX grants_status;
CREATE INDEX connections_status ON connections (environment_id, status, created_at, id, updated_at);

DROP INDEX connections_created;
DROP INDEX connections_updated;
CREATE INDEX connections_created ON connections (environment_id, created_at, id, integration_id, subscriber, contexts, status);
CREATE INDEX connections_updated ON connections (environment_id, updated_at, id, integration_id, subscriber, contexts, status);

DROP INDEX endpoints_created;
DROP INDEX endpoints_updated;
-- PostgreSQL takes no longer identifiers beside the others into an index, but looks up quickly what it lacks.
CREATE INDEX endpoints_created ON endpoints
  (environment_id, created_at, id, integration_id, subscriber_id, contexts, channel, status{also_named});
CREATE INDEX endpoints_updated ON endpoints
  (environment_id, updated_at, id, integration_id, subscriber_id, contexts, channel, status{also_named});
