-- Lists of connections and endpoints stay quick however many there are: what a list is narrowed by comes first, then
-- what it is sorted by. All sort columns are there, so that a page is picked, and its list counted, from the index alone.
DROP INDEX connections_subscriber;
CREATE INDEX connections_subscriber ON connections (environment_id, subscriber, created_at, id, updated_at);
CREATE INDEX connections_integration ON connections (environment_id, integration_id, created_at, id, updated_at);
CREATE INDEX connections_contexts ON connections (environment_id, contexts, created_at, id, updated_at);
CREATE INDEX grants_status ON grants (status, id);

DROP INDEX endpoints_subscriber;
CREATE INDEX endpoints_subscriber ON endpoints (environment_id, subscriber_id, created_at, id, updated_at);
CREATE INDEX endpoints_integration ON endpoints (environment_id, integration_id, created_at, id, updated_at);
CREATE INDEX endpoints_contexts ON endpoints (environment_id, contexts, created_at, id, updated_at);
CREATE INDEX endpoints_channel ON endpoints (environment_id, channel, created_at, id, updated_at);
CREATE INDEX endpoints_status ON endpoints (environment_id, status, created_at, id, updated_at);
CREATE INDEX endpoints_named ON endpoints (environment_id, connection_identifier, created_at, id, updated_at);
