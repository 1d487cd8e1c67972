//! Grants: sets of tokens that vendors issued. A grant belongs to the organization and carries every connection that
//! has its access token, whichever environment it is in.
//!
//! Statements of one batch are run in turns with those of batches alike, so nothing here decides by what another
//! statement of the same batch read: writers compare and set, and take the grant's row before they look around it.

pub mod consent;
pub mod revocations;
pub mod rotation;

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of two creations of one grant.
pub const EXISTS: &str = "grants_key";
/// The conflict of two changes of one grant.
pub const CHANGED: &str = "grant changed meanwhile";

/// Where tokens come from: a caller posted them. They are theirs to revoke.
const POSTED: &str = "posted";
const TOKENS: &str = "grants.tokens";
/// A success is noted at most this often: the row of a busy grant is not written with every send.
const SUCCESS_NOTED_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

queries! {
    FIND_BY_KEY = "SELECT g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM grants g WHERE g.organization_id = $1 AND g.grant_key = $2";
    FIND_BY_IDS = "SELECT g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM grants g WHERE {unindexed:g.organization_id} = $1 AND g.id {in:$2}";
    OTHERS = "SELECT id FROM connections WHERE grant_id = $1 AND id <> $2 LIMIT 1";
    INSERT = {
        insert "grants",
        "id text, organization_id text, provider_id text, grant_key text, source text, tokens text, generation int, status text, since int, expires_at int, created_at int, updated_at int"
    };
    /// Takes the row, so that what follows in the batch sees all connections that others gave it.
    TAKE = "UPDATE grants SET updated_at = updated_at WHERE organization_id = $1 AND id = $2";
    JOIN = "UPDATE grants SET updated_at = $4 WHERE organization_id = $1 AND id = $2 AND generation = $3";
    REPLACE = "UPDATE grants SET tokens = $4, generation = generation + 1, reason = NULL, last_error = NULL,
        since = CASE WHEN status = 'active' THEN since ELSE $5 END,
        health_change = CASE WHEN status = 'active' THEN health_change ELSE $6 END,
        status = 'active', expires_at = $7, scopes = NULL, missing_scopes = NULL, updated_at = $5
        WHERE organization_id = $1 AND id = $2 AND generation = $3";
    REPLACE_ALONE = "UPDATE grants SET tokens = $4, generation = generation + 1, reason = NULL, last_error = NULL,
        since = CASE WHEN status = 'active' THEN since ELSE $5 END,
        health_change = CASE WHEN status = 'active' THEN health_change ELSE $6 END,
        status = 'active', expires_at = $7, scopes = NULL, missing_scopes = NULL, updated_at = $5
        WHERE organization_id = $1 AND id = $2 AND generation = $3
        AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.grant_id = grants.id AND c.id <> $8)";
    DELETE_ORPHAN = "DELETE FROM grants WHERE organization_id = $1 AND id = $2
        AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.grant_id = grants.id)";
    /// One call that worked neither renews a grant that ends, nor brings a scope that others need; and what needs its
    /// customer is mended by nobody else.
    SET_HEALTH = "UPDATE grants SET status = $4, reason = $5, since = $6, health_change = $7
        WHERE organization_id = $1 AND id = $2 AND generation = $3 AND status <> $4
        AND NOT ($4 = 'active' AND (status = 'expiring' OR missing_scopes IS NOT NULL))
        AND (status NOT IN ('needs_reauth', 'revoked') OR (status = 'needs_reauth' AND $4 = 'revoked'))";
    NOTE_FAILURE = "UPDATE grants SET reason = $5, last_error = $5
        WHERE organization_id = $1 AND id = $2 AND generation = $3 AND status = $4";
    NOTE_SUCCESS = "UPDATE grants SET last_success_at = $4
        WHERE organization_id = $1 AND id = $2 AND generation = $3
        AND (last_success_at IS NULL OR last_success_at < $5)";
    /// The connections on the grant stand as it does, which is what lists of them are narrowed by.
    FOLLOW = "UPDATE connections SET status = g.status FROM grants g
        WHERE g.id = $1 AND g.health_change = $2 AND connections.grant_id = g.id";
    /// One row for each connection on the grant. Its id has the time of the change and the rest of the connection's id,
    /// so that it is unique and has the form of all ids.
    ANNOUNCE = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT c.environment_id, substr($2, 1, 12) || substr(c.id, 13, 12), $3,
                json_object('identifier', c.identifier, 'status', g.status, 'reason', g.reason), $4
            FROM grants g JOIN connections c ON c.grant_id = g.id
            WHERE g.id = $1 AND g.health_change = $2",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT c.environment_id, substr($2::text, 1, 12) || substr(c.id, 13, 12), $3::text,
                json_build_object('identifier', c.identifier, 'status', g.status, 'reason', g.reason)::text, $4::int8
            FROM grants g JOIN connections c ON c.grant_id = g.id
            WHERE g.id = $1 AND g.health_change = $2::text",
    };
}

/// One set of tokens, and how it stands.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Our id.
    pub id: Id,
    /// The provider that issued it.
    pub provider_id: String,
    /// Where the tokens come from.
    pub source: String,
    /// Counts the sets of tokens: who works with an older one must not judge the newer one.
    pub generation: i64,
    /// How it stands.
    pub status: HealthStatus,
    /// Why it does not work, in a sentence.
    pub reason: Option<String>,
    /// Since when it stands so.
    pub since: Time,
    /// When a send or probe last worked, to the minute.
    pub last_success_at: Option<Time>,
    /// What last went wrong.
    pub last_error: Option<String>,
    /// When it ends and cannot renew itself.
    pub expires_at: Option<Time>,
    /// What the customer consented to, where the vendor tells.
    pub scopes: Option<Vec<String>>,
    /// What is needed and missing.
    pub missing_scopes: Option<Vec<String>>,
    key: String,
    tokens: String,
}

impl FromRow for Grant {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (id, provider_id, key) = (c.id()?, c.text()?, c.text()?);
        let (source, tokens, generation) = (c.text()?, c.text()?, c.int()?);
        Ok(Self {
            id,
            provider_id,
            source,
            generation,
            status: c.wire(HealthStatus::parse)?,
            reason: c.opt_text()?,
            since: c.time()?,
            last_success_at: c.opt_time()?,
            last_error: c.opt_text()?,
            expires_at: c.opt_time()?,
            scopes: list(c.opt_json()?),
            missing_scopes: list(c.opt_json()?),
            key,
            tokens,
        })
    }
}

fn list(value: Option<Value>) -> Option<Vec<String>> {
    let texts = value?;
    let texts = texts.as_array()?.iter().filter_map(Value::as_str);
    Some(texts.map(str::to_owned).collect())
}

/// What a vendor issued. Times are kept as they were given: the API answers them as they came.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What calls are made with.
    pub access_token: String,
    /// What a new access token is fetched with.
    pub refresh_token: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<String>,
    /// When the refresh token ends.
    pub refresh_token_expires_at: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Tokens {
    fn to_json(&self) -> String {
        let members = [
            ("accessToken", Some(&self.access_token)),
            ("refreshToken", self.refresh_token.as_ref()),
            ("expiresAt", self.expires_at.as_ref()),
            ("refreshTokenExpiresAt", self.refresh_token_expires_at.as_ref()),
        ];
        let members: Map<String, Value> = members
            .into_iter()
            .filter_map(|(name, text)| text.map(|text| (name.to_owned(), Value::from(text.as_str()))))
            .collect();
        Value::Object(members).to_string()
    }

    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            access_token: member("accessToken")?,
            refresh_token: member("refreshToken"),
            expires_at: member("expiresAt"),
            refresh_token_expires_at: member("refreshTokenExpiresAt"),
        })
    }

    /// When the access token ends, where that is known.
    pub fn ends_at(&self) -> Option<Time> {
        self.expires_at.as_deref().and_then(Time::parse)
    }

    /// When the grant ends by itself: what has a refresh token ends with that one, else with its access token.
    fn end(&self) -> Option<Time> {
        let text = match self.refresh_token {
            Some(_) => self.refresh_token_expires_at.as_deref(),
            None => self.expires_at.as_deref(),
        };
        text.and_then(Time::parse)
    }
}

/// How a connection comes to the grant of the tokens that it was given.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// There is none yet.
    New,
    /// There is one, but it is not for this connection: it keeps a refresh token that others live by.
    Own,
    /// There is one with these very tokens.
    Join,
    /// The grant's tokens are replaced.
    Replace,
    /// The same, and only as long as nobody else is on it.
    ReplaceAlone,
}

/// Decides the way to the grant that was found under the tokens' key. `mine` says whether the connection is on it
/// already, `alone` whether no other one is.
fn way(found: Option<&Tokens>, given: &Tokens, mine: bool, alone: bool) -> Way {
    let Some(stored) = found else { return Way::New };
    let drops_refresh = given.refresh_token.is_none() && stored.refresh_token.is_some();
    if drops_refresh {
        return if mine && alone { Way::ReplaceAlone } else { Way::Own };
    }
    if !mine && stored == given {
        Way::Join
    } else {
        Way::Replace
    }
}

/// Whether an access token tells one workspace from another. Teams has no token of its own for a tenant, and callers
/// write a fixed word instead.
fn identifies(access_token: &str) -> bool {
    !access_token.is_empty() && access_token != "app-only"
}

/// The grant that a connection will be on, and what to do for it, in two parts around the connection's own write.
pub(crate) struct Landing {
    /// The grant as it will be.
    pub(crate) grant: Grant,
    /// What comes before the connection's row is written.
    pub(crate) before: Batch,
}

impl Store {
    /// These grants, in no order.
    pub async fn grants_by_id(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<Grant>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_BY_IDS, args![ctx.organization, ids]).await
    }

    /// The tokens of a grant.
    pub fn open_tokens(&self, grant: &Grant) -> Result<Tokens, StoreError> {
        let place = Place {
            column: TOKENS,
            row: &grant.id.to_string(),
        };
        let text = self.secrets.open(place, &grant.tokens)?;
        Tokens::from_json(&text).ok_or_else(|| StoreError::Corrupt("a grant's tokens are not tokens".to_owned()))
    }

    fn seal_tokens(&self, grant: Id, tokens: &Tokens) -> Result<String, StoreError> {
        let place = Place {
            column: TOKENS,
            row: &grant.to_string(),
        };
        self.secrets.seal(place, &tokens.to_json())
    }

    /// Records how a grant stands, as a caller of the vendor saw it with the tokens of `generation`; who worked with
    /// older tokens changes nothing. A real change is announced for each connection on the grant. A success is worth
    /// recording when the grant was not `active`, or its last noted success is more than a minute old.
    pub fn set_grant_health(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        grant: Id,
        generation: i64,
        status: HealthStatus,
        reason: Option<&str>,
    ) {
        let (now, change) = (self.now(), self.new_id());
        let this = || args![ctx.organization, grant, generation];
        let mut set = this();
        set.extend(args![status.wire(), reason, now, change]);
        batch.add(&SET_HEALTH, set);
        let mut note = this();
        if status == HealthStatus::Active {
            note.extend(args![now, now.minus(SUCCESS_NOTED_EVERY)]);
            batch.add(&NOTE_SUCCESS, note);
        } else {
            note.extend(args![status.wire(), reason]);
            batch.add(&NOTE_FAILURE, note);
        }
        announce(batch, grant, change, status, now);
        if status == HealthStatus::Active {
            self.release_held(batch, grant);
        }
    }

    /// Finds the way to the grant of these tokens for a connection, which is on `current` (with its own id) or new.
    pub(crate) async fn land(
        &self,
        ctx: &Ctx,
        provider_id: &str,
        workspace_id: &str,
        tokens: &Tokens,
        current: Option<(&Grant, Id)>,
    ) -> Result<Landing, StoreError> {
        let key = self.grant_key(provider_id, workspace_id, tokens);
        let stored = current.map(|(grant, _)| self.open_tokens(grant)).transpose()?;
        let mine = current.zip(stored).filter(|((grant, _), stored)| {
            grant.key == key
                || grant.key.starts_with(&format!("{key}/"))
                || identifies(&tokens.access_token) && stored.access_token == tokens.access_token
        });
        if let Some(((grant, connection), stored)) = mine {
            let alone = self
                .db
                .first::<Other>(&OTHERS, args![grant.id, connection])
                .await?
                .is_none();
            let way = way(Some(&stored), tokens, true, alone);
            return self.landing(ctx, provider_id, &key, tokens, &way, Some(grant), connection);
        }
        let found = self
            .db
            .first::<Grant>(&FIND_BY_KEY, args![ctx.organization, &key])
            .await?;
        let stored = found.as_ref().map(|grant| self.open_tokens(grant)).transpose()?;
        let mut way = way(stored.as_ref(), tokens, false, false);
        if way == Way::Join && current.is_some() {
            // Who moves a connection says that these tokens work.
            way = Way::Replace;
        }
        let connection = current.map_or_else(|| self.new_id(), |(_, id)| id);
        self.landing(ctx, provider_id, &key, tokens, &way, found.as_ref(), connection)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all that was found out comes together"
    )]
    fn landing(
        &self,
        ctx: &Ctx,
        provider_id: &str,
        key: &str,
        tokens: &Tokens,
        way: &Way,
        found: Option<&Grant>,
        connection: Id,
    ) -> Result<Landing, StoreError> {
        let mut before = Batch::new();
        let grant = match (way, found) {
            (Way::Join, Some(grant)) => {
                join(&mut before, ctx, grant, self.now());
                grant.clone()
            }
            (Way::Replace | Way::ReplaceAlone, Some(grant)) => {
                let alone = (*way == Way::ReplaceAlone).then_some(connection);
                self.replace_tokens(&mut before, ctx, grant, tokens, alone)?
            }
            (Way::Own, _) => {
                let id = self.new_id();
                self.insert_grant(&mut before, ctx, id, provider_id, format!("{key}/{id}"), tokens)?
            }
            _ => self.insert_grant(&mut before, ctx, self.new_id(), provider_id, key.to_owned(), tokens)?,
        };
        Ok(Landing { grant, before })
    }

    /// Removes the grant if no connection is left on it, and wakes what waited for it: whoever waits has to look again.
    /// The row has to be taken first, and the connection moved or removed.
    pub(crate) fn leave_grant(&self, batch: &mut Batch, ctx: &Ctx, grant: Id) {
        batch.add(&DELETE_ORPHAN, args![ctx.organization, grant]);
        self.release_held(batch, grant);
    }

    fn insert_grant(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        id: Id,
        provider_id: &str,
        key: String,
        tokens: &Tokens,
    ) -> Result<Grant, StoreError> {
        let now = self.now();
        let grant = Grant {
            id,
            provider_id: provider_id.to_owned(),
            source: POSTED.to_owned(),
            generation: 1,
            status: HealthStatus::Active,
            reason: None,
            since: now,
            last_success_at: None,
            last_error: None,
            expires_at: tokens.end(),
            scopes: None,
            missing_scopes: None,
            key,
            tokens: self.seal_tokens(id, tokens)?,
        };
        batch.add(
            &INSERT,
            args![
                id,
                ctx.organization,
                provider_id,
                &grant.key,
                &grant.source,
                &grant.tokens,
                grant.generation,
                grant.status.wire(),
                now,
                grant.expires_at,
                now,
                now
            ],
        );
        self.schedule_rotation(batch, ctx.organization, id, provider_id, tokens);
        Ok(grant)
    }

    /// Replaces a grant's tokens: it is `active` again, and what was held for it goes on.
    fn replace_tokens(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        grant: &Grant,
        tokens: &Tokens,
        alone: Option<Id>,
    ) -> Result<Grant, StoreError> {
        let (now, change) = (self.now(), self.new_id());
        let sealed = self.seal_tokens(grant.id, tokens)?;
        let mut row = args![
            ctx.organization,
            grant.id,
            grant.generation,
            &sealed,
            now,
            change,
            tokens.end()
        ];
        if let Some(connection) = alone {
            row.extend(args![connection]);
            take(batch, ctx, grant.id);
            batch.expect(&REPLACE_ALONE, row, CHANGED);
        } else {
            batch.expect(&REPLACE, row, CHANGED);
        }
        self.schedule_rotation(batch, ctx.organization, grant.id, &grant.provider_id, tokens);
        announce(batch, grant.id, change, HealthStatus::Active, now);
        self.release_held(batch, grant.id);
        let was_active = grant.status == HealthStatus::Active;
        Ok(Grant {
            generation: grant.generation + 1,
            status: HealthStatus::Active,
            reason: None,
            since: if was_active { grant.since } else { now },
            last_error: None,
            expires_at: tokens.end(),
            scopes: None,
            missing_scopes: None,
            tokens: sealed,
            ..grant.clone()
        })
    }

    /// By what the grant of posted tokens is found.
    fn grant_key(&self, provider_id: &str, workspace_id: &str, tokens: &Tokens) -> String {
        let hash = if identifies(&tokens.access_token) {
            self.secrets.lookup_hash("access token", &tokens.access_token)
        } else {
            self.secrets.lookup_hash("workspace", workspace_id)
        };
        format!("{provider_id}:{hash}")
    }
}

/// Keeps others from joining or leaving the grant until the batch is committed.
pub(crate) fn take(batch: &mut Batch, ctx: &Ctx, grant: Id) {
    batch.add(&TAKE, args![ctx.organization, grant]);
}

/// Takes part in a grant as it was read; not when it was changed or removed meanwhile.
fn join(batch: &mut Batch, ctx: &Ctx, grant: &Grant, now: Time) {
    batch.expect(&JOIN, args![ctx.organization, grant.id, grant.generation, now], CHANGED);
}

/// Tells of a change of status, if it was made under this id, and has the grant's connections stand so.
fn announce(batch: &mut Batch, grant: Id, change: Id, status: HealthStatus, now: Time) {
    batch.add(&FOLLOW, args![grant, change]);
    batch.add(&ANNOUNCE, args![grant, change, changed(status), now]);
}

/// The kind of event that a change to this status is announced as.
pub(crate) const fn changed(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Active => "connection.recovered",
        HealthStatus::Expiring => "connection.expiring",
        HealthStatus::Degraded | HealthStatus::Broken => "connection.degraded",
        HealthStatus::NeedsReauth => "connection.needs_reauth",
        HealthStatus::Revoked => "connection.revoked",
    }
}

struct Other;

impl FromRow for Other {
    fn from_row(_: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
        Tokens {
            access_token: access.to_owned(),
            refresh_token: refresh.map(str::to_owned),
            expires_at: Some("2026-06-15T12:00:00.000Z".to_owned()),
            refresh_token_expires_at: Some("2026-09-15T12:00:00.000Z".to_owned()),
        }
    }

    #[test]
    fn the_way_to_a_grant_never_takes_a_refresh_token_from_others() {
        let (plain, rotating, newer) = (tokens("a", None), tokens("a", Some("r")), tokens("a", Some("s")));
        let table = [
            (None, &plain, false, false, Way::New),
            (Some(&plain), &plain, false, false, Way::Join),
            (Some(&plain), &plain, true, false, Way::Replace),
            (Some(&plain), &rotating, false, false, Way::Replace),
            (Some(&rotating), &newer, false, false, Way::Replace),
            (Some(&rotating), &newer, true, true, Way::Replace),
            (Some(&rotating), &plain, false, false, Way::Own),
            (Some(&rotating), &plain, true, false, Way::Own),
            (Some(&rotating), &plain, true, true, Way::ReplaceAlone),
        ];
        for (found, given, mine, alone, expected) in table {
            let found = found.cloned();
            assert_eq!(way(found.as_ref(), given, mine, alone), expected, "{mine} {alone}");
        }
    }

    #[test]
    fn what_can_renew_itself_ends_with_its_refresh_token() {
        assert_eq!(tokens("a", None).end(), Time::parse("2026-06-15T12:00:00.000Z"));
        assert_eq!(tokens("a", Some("r")).end(), Time::parse("2026-09-15T12:00:00.000Z"));
        let odd = Tokens {
            expires_at: Some("soon".to_owned()),
            ..tokens("a", None)
        };
        assert_eq!(odd.end(), None);
    }

    #[test]
    fn tokens_are_read_back_as_they_were_written() {
        for tokens in [tokens("a", None), tokens("", Some("r"))] {
            assert!(Tokens::from_json(&tokens.to_json()) == Some(tokens));
        }
        assert!(Tokens::from_json("{}").is_none());
    }

    #[test]
    fn a_word_that_stands_for_a_token_identifies_nothing() {
        assert!(identifies("xoxb-1"));
        assert!(!identifies("app-only") && !identifies(""));
    }
}
