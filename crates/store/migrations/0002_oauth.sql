-- What OAuth keeps: the rest of a vendor's answer, links that were used, identifiers that another scope holds, one-time
-- codes that a bot is started with.

-- Sealed JSON: everything that the vendor told at the consent and that has no column of its own.
ALTER TABLE grants ADD COLUMN details {text};

-- The states of links that came back from a vendor; each works once. A row is kept for longer than a state lives.
CREATE TABLE oauth_states (
  environment_id {text} NOT NULL,
  nonce {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, nonce)
) {keys};
CREATE INDEX oauth_states_created ON oauth_states (created_at);

-- What a subscriber session calls a connection whose own identifier had to be another one. subscriber and contexts are
-- the connection's, as they are stored there.
CREATE TABLE connection_aliases (
  environment_id {text} NOT NULL,
  alias {text} NOT NULL,
  subscriber {text} NOT NULL,
  contexts {text} NOT NULL,
  connection_id {text} NOT NULL,
  created_at {int} NOT NULL,
  PRIMARY KEY (environment_id, alias, subscriber, contexts)
) {keys};
CREATE INDEX connection_aliases_connection ON connection_aliases (environment_id, connection_id);

-- One-time codes, found by keyed hash. used_by is a keyed hash of the chat that used one: the vendor may tell twice.
CREATE TABLE link_codes (
  environment_id {text} NOT NULL,
  hash {text} NOT NULL,
  integration_id {text} NOT NULL,
  subscriber_id {text} NOT NULL,
  contexts {text} NOT NULL,
  used_by {text},
  expires_at {int} NOT NULL,
  PRIMARY KEY (environment_id, hash)
) {keys};
CREATE INDEX link_codes_expires ON link_codes (expires_at);
