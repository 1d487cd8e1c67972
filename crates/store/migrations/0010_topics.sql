-- Topics: named sets of subscribers.
CREATE TABLE topics (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  topic_key {text} NOT NULL,
  name {text},
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX topics_key ON topics (environment_id, topic_key);
CREATE INDEX topics_created ON topics (environment_id, created_at, id);
CREATE INDEX topics_updated ON topics (environment_id, updated_at, id);

-- One membership: topic, subscriber, context set, identifier. identifier_key is the identifier, or its hash when that is
-- too long for an index. preferences are the rules that narrow it to some workflows, each to some payloads.
CREATE TABLE subscriptions (
  environment_id {text} NOT NULL,
  id {text} NOT NULL,
  topic_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  identifier {text} NOT NULL,
  identifier_key {text} NOT NULL,
  name {text},
  contexts {text} NOT NULL,
  preferences {text} NOT NULL,
  created_at {int} NOT NULL,
  updated_at {int} NOT NULL,
  PRIMARY KEY (environment_id, id)
) {end};
CREATE UNIQUE INDEX subscriptions_identifier ON subscriptions (environment_id, topic_id, identifier_key);
-- The members of a topic in a context set, in the order in which an event goes through them.
CREATE INDEX subscriptions_member ON subscriptions (environment_id, topic_id, contexts, subscriber_id);
CREATE INDEX subscriptions_topic ON subscriptions (environment_id, topic_id, id);
CREATE INDEX subscriptions_subscriber ON subscriptions (environment_id, subscriber_id, id);

-- The topic through which a notification came to its subscriber: a JSON list, empty for those who were named.
ALTER TABLE notifications ADD COLUMN topics {text} NOT NULL DEFAULT '';
