-- Renewal of grants whose vendor issues refresh tokens, and revocation of those whose last connection was deleted.

-- refresh_at: when renewal is due; nothing where there is nothing to renew with. token_ends_at: when the access token ends.
ALTER TABLE grants ADD COLUMN refresh_at {int};
ALTER TABLE grants ADD COLUMN token_ends_at {int};
ALTER TABLE grants ADD COLUMN refresh_attempts {int} NOT NULL DEFAULT 0;
-- The intent is written before a refresh token is exchanged, and is the lock too: who, which generation, until when.
ALTER TABLE grants ADD COLUMN intent_by {text};
ALTER TABLE grants ADD COLUMN intent_generation {int};
ALTER TABLE grants ADD COLUMN intent_until {int};
-- When the answer of an exchange of this generation's refresh token was lost.
ALTER TABLE grants ADD COLUMN lost_at {int};
CREATE INDEX grants_refresh ON grants (refresh_at, id)
  WHERE refresh_at IS NOT NULL AND status <> 'needs_reauth' AND status <> 'revoked';

-- What is left of a deleted grant until its vendor has confirmed that its tokens are revoked. The id is the grant's.
CREATE TABLE revocations (
  id {text} NOT NULL PRIMARY KEY,
  organization_id {text} NOT NULL,
  environment_id {text} NOT NULL,
  integration_id {text} NOT NULL,
  provider_id {text} NOT NULL,
  generation {int} NOT NULL,
  tokens {text} NOT NULL,
  attempts {int} NOT NULL,
  run_at {int} NOT NULL,
  last_error {text},
  created_at {int} NOT NULL
) {end};
CREATE INDEX revocations_due ON revocations (run_at, id);
