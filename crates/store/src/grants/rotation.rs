//! Renewal of grants: when it is due, and the steps of an exchange of a refresh token for a new pair of tokens.
//!
//! A refresh token works once, so an exchange leaves a trace before it begins. Each point at which a process may die has
//! a defined state:
//!
//! 1. Before the intent is committed: nothing has happened.
//! 2. After that, before the call or before the vendor acted: the intent ends by itself, and the next exchange is made
//!    with the same refresh token, which still works.
//! 3. After the vendor acted, before the new pair is committed: the pair is lost. The next exchange finds the intent of
//!    the dead one and notes it in `lost_at`; a refusal of the old refresh token is then told as what it is. A vendor
//!    that keeps refresh tokens answers again, and nothing was lost.
//! 4. After the commit: the generation has moved on, and the intent of the old one means nothing any more.

use std::time::Duration;

use campanile_model::channel::HealthStatus;
use campanile_model::{Id, Time};
use serde_json::{Map, Value};

use super::{CHANGED, EXISTS, Grant, Tokens, announce};
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// How long an exchange has its grant for itself: longer than its call may take.
pub const LEASE: Duration = Duration::from_secs(30);

const HOUR: Duration = Duration::from_hours(1);
const WEEK: Duration = Duration::from_hours(24 * 7);

queries! {
    SCHEDULE = "UPDATE grants SET refresh_at = $3, token_ends_at = $4, refresh_attempts = 0, lost_at = NULL
        WHERE organization_id = $1 AND id = $2";
    POSTPONE = "UPDATE grants SET refresh_at = $4 WHERE organization_id = $1 AND id = $2 AND generation = $3";
    FIND = "SELECT g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes,
        g.organization_id, g.refresh_at, g.refresh_attempts, g.intent_generation, g.intent_until, g.lost_at
        FROM grants g WHERE g.organization_id = $1 AND g.id = $2";
    DUE = "SELECT g.id, g.organization_id, g.provider_id, g.generation, g.token_ends_at,
        (SELECT c.integration_id FROM connections c WHERE c.grant_id = g.id LIMIT 1)
        FROM grants g WHERE g.refresh_at <= $1 AND g.refresh_at IS NOT NULL
        AND g.status <> 'needs_reauth' AND g.status <> 'revoked'
        AND (g.intent_until IS NULL OR g.intent_until <= $1 OR g.intent_generation <> g.generation)
        ORDER BY g.refresh_at, g.id LIMIT $2";
    BACKLOG = "SELECT count(*) FROM (SELECT 1 FROM grants WHERE refresh_at <= $1 AND refresh_at IS NOT NULL
        AND status <> 'needs_reauth' AND status <> 'revoked' LIMIT 100000) AS due";
    /// The accounts that connections on the grant go through: one of them issued it.
    APPS = "SELECT DISTINCT i.id, i.credentials, i.send FROM connections c
        JOIN integrations i ON i.environment_id = c.environment_id AND i.id = c.integration_id
        WHERE c.grant_id = $1 AND i.deleted_at IS NULL ORDER BY i.id LIMIT 20";
    /// Takes the grant for one exchange of this generation's refresh token, unless another one has it.
    INTEND = "UPDATE grants SET
        lost_at = CASE WHEN intent_generation = generation AND intent_until <= $5 THEN intent_until ELSE lost_at END,
        intent_by = $4, intent_generation = generation, intent_until = $6
        WHERE organization_id = $1 AND id = $2 AND generation = $3
        AND (intent_until IS NULL OR intent_generation <> generation OR intent_until <= $5)";
    /// The generation alone is compared, not the intent: an answer that comes after the intent has ended is the only pair
    /// that works, whatever another exchange was told meanwhile.
    RENEW = "UPDATE grants SET tokens = $4, generation = generation + 1, grant_key = $10,
        since = CASE WHEN status IN ('needs_reauth', 'revoked', 'expiring')
            OR (status = 'degraded' AND refresh_attempts > 0 AND missing_scopes IS NULL) THEN $5 ELSE since END,
        health_change = CASE WHEN status IN ('needs_reauth', 'revoked', 'expiring')
            OR (status = 'degraded' AND refresh_attempts > 0 AND missing_scopes IS NULL) THEN $6 ELSE health_change END,
        reason = CASE WHEN status IN ('needs_reauth', 'revoked', 'expiring')
            OR (status = 'degraded' AND refresh_attempts > 0 AND missing_scopes IS NULL) THEN NULL ELSE reason END,
        status = CASE WHEN status IN ('needs_reauth', 'revoked', 'expiring')
            OR (status = 'degraded' AND refresh_attempts > 0 AND missing_scopes IS NULL) THEN 'active' ELSE status END,
        last_error = CASE WHEN refresh_attempts > 0 OR status = 'needs_reauth' OR status = 'revoked' THEN NULL ELSE last_error END,
        last_success_at = $5, expires_at = $7, refresh_at = $8, token_ends_at = $9, refresh_attempts = 0, lost_at = NULL,
        intent_by = NULL, intent_until = NULL, updated_at = $5
        WHERE organization_id = $1 AND id = $2 AND generation = $3";
    /// A refusal is believed only from the exchange that has the grant, and only while the tokens that were refused are
    /// still the grant's.
    REFUSE = "UPDATE grants SET reason = $6, last_error = $6,
        since = CASE WHEN status = $5 THEN since ELSE $7 END,
        health_change = CASE WHEN status = $5 THEN health_change ELSE $8 END,
        status = $5, intent_by = NULL, intent_until = NULL
        WHERE organization_id = $1 AND id = $2 AND generation = $3 AND intent_by = $4";
    FAIL = "UPDATE grants SET refresh_attempts = refresh_attempts + 1, refresh_at = $5, last_error = $6,
        lost_at = coalesce($7, lost_at), intent_by = NULL, intent_until = NULL
        WHERE organization_id = $1 AND id = $2 AND generation = $3 AND intent_by = $4";
    DEGRADE = "UPDATE grants SET status = 'degraded', reason = $4, since = $5, health_change = $6
        WHERE organization_id = $1 AND id = $2 AND generation = $3 AND status IN ('active', 'expiring')";
    ANNOUNCE_REFRESHED = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT c.environment_id, substr($2, 1, 12) || substr(c.id, 13, 12), 'connection.refreshed',
                json_object('identifier', c.identifier, 'status', g.status, 'reason', g.reason), $3
            FROM grants g JOIN connections c ON c.grant_id = g.id WHERE g.id = $1",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT c.environment_id, substr($2::text, 1, 12) || substr(c.id, 13, 12), 'connection.refreshed',
                json_build_object('identifier', c.identifier, 'status', g.status, 'reason', g.reason)::text, $3::int8
            FROM grants g JOIN connections c ON c.grant_id = g.id WHERE g.id = $1",
    };
    /// The grants for which tasks are held although they are well, found by one step of the index for each grant.
    STRAYS = "WITH RECURSIVE found (hold) AS (
            SELECT min(hold) FROM tasks WHERE state = 3
            UNION ALL
            SELECT (SELECT min(t.hold) FROM tasks t WHERE t.state = 3 AND t.hold > found.hold)
            FROM found WHERE found.hold IS NOT NULL)
        SELECT hold FROM found WHERE hold IS NOT NULL AND NOT EXISTS (SELECT 1 FROM grants g
            WHERE g.id = found.hold AND g.status IN ('needs_reauth', 'revoked'))";
}

/// Whether the vendor issues refresh tokens that we know how to use.
pub fn rotates(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "novu-slack" | "webex-messaging")
}

/// When tokens that are written at `now` are due to be renewed. `jitter` is any number of 0..1, so that what was
/// written together is not renewed together.
///
/// An access token is renewed about two hours before its end, and a short-lived one after half of its life at the
/// earliest. Without a known end nothing is due, except at Webex, where a refresh token dies when it is not used for 90
/// days: there once a week.
pub fn due(provider_id: &str, tokens: &Tokens, now: Time, jitter: f64) -> Option<Time> {
    tokens.refresh_token.as_ref()?;
    if !rotates(provider_id) {
        return None;
    }
    let jitter = jitter.clamp(0.0, 1.0);
    let access = tokens.ends_at().map(|end| {
        let life = now.until(end);
        let margin = (2 * HOUR).min(life.mul_f64(0.4)).mul_f64(1.0 + 0.25 * jitter);
        now.plus(life.saturating_sub(margin))
    });
    let refresh_token = tokens.refresh_token_expires_at.as_deref().and_then(Time::parse);
    let refresh = refresh_token.map(|end| now.plus(now.until(end).mul_f64(0.5 - 0.1 * jitter)));
    let weekly = (provider_id == "webex-messaging").then(|| now.plus(WEEK.mul_f64(1.0 - 0.2 * jitter)));
    if access.is_none() && weekly.is_none() {
        return None;
    }
    [access, refresh, weekly].into_iter().flatten().min()
}

/// A grant as an exchange finds it.
#[derive(Clone, Debug)]
pub struct Rotating {
    /// The grant.
    pub grant: Grant,
    /// Whose it is.
    pub organization_id: Id,
    /// When renewal is due.
    pub refresh_at: Option<Time>,
    /// Exchanges of this generation's refresh token that brought nothing.
    pub attempts: i64,
    /// When the answer of an exchange of this generation's refresh token was lost.
    pub lost_at: Option<Time>,
    intent: Option<(i64, Time)>,
}

impl FromRow for Rotating {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let grant = Grant::from_row(c)?;
        let (organization_id, refresh_at, attempts) = (c.id()?, c.opt_time()?, c.int()?);
        let intent = c.opt_int()?.zip(c.opt_time()?);
        Ok(Self {
            grant,
            organization_id,
            refresh_at,
            attempts,
            intent,
            lost_at: c.opt_time()?,
        })
    }
}

impl Rotating {
    /// Whether an exchange has the grant now.
    pub fn is_taken(&self, now: Time) -> bool {
        self.intent
            .is_some_and(|(generation, until)| generation == self.grant.generation && until > now)
    }
}

/// The right to one exchange of a grant's refresh token.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The grant as it was taken.
    pub row: Rotating,
    by: Id,
}

/// A grant that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// The grant.
    pub id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// The provider that issued it.
    pub provider_id: String,
    /// Its generation.
    pub generation: i64,
    /// When its access token ends.
    pub token_ends_at: Option<Time>,
    /// An account that uses it.
    pub integration_id: Option<Id>,
}

impl FromRow for Due {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            organization_id: c.id()?,
            provider_id: c.text()?,
            generation: c.int()?,
            token_ends_at: c.opt_time()?,
            integration_id: c.opt_id()?,
        })
    }
}

/// An account at the provider, with its credentials.
#[derive(Clone)]
pub struct App {
    /// Its credentials.
    pub credentials: Map<String, Value>,
    /// Whether dev mode lets it really call.
    pub send_real: bool,
}

pub(super) struct StoredApp {
    pub(super) id: Id,
    pub(super) credentials: String,
    pub(super) send: String,
}

impl FromRow for StoredApp {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            credentials: c.text()?,
            send: c.text()?,
        })
    }
}

/// How an exchange ended that brought no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The vendor refused: the customer has to consent again.
    Refused {
        /// `needs_reauth`, or `revoked` where the vendor says so.
        status: HealthStatus,
        /// Why, in a sentence.
        reason: String,
    },
    /// It is tried again.
    Failed {
        /// Then.
        again_at: Time,
        /// What happened, in a sentence.
        text: String,
        /// Whether the vendor may have acted.
        lost: bool,
        /// Whether nothing can be sent until then.
        degraded: bool,
    },
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

struct Hold(Id);

impl FromRow for Hold {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

impl Store {
    /// Adds when a grant is due to the batch that writes its tokens.
    pub(crate) fn schedule_rotation(
        &self,
        batch: &mut Batch,
        organization: Id,
        grant: Id,
        provider_id: &str,
        tokens: &Tokens,
    ) {
        let due = due(provider_id, tokens, self.now(), jitter());
        batch.add(&SCHEDULE, args![organization, grant, due, tokens.ends_at()]);
    }

    /// A grant with how its renewal stands.
    pub async fn rotating(&self, organization: Id, grant: Id) -> Result<Option<Rotating>, StoreError> {
        self.db.first(&FIND, args![organization, grant]).await
    }

    /// The grants that are due, the longest first; none that an exchange has now.
    pub async fn due_rotations(&self, most: usize) -> Result<Vec<Due>, StoreError> {
        self.db.all(&DUE, args![self.now(), most]).await
    }

    /// How many grants are due, counted up to 100,000.
    pub async fn rotation_backlog(&self) -> Result<usize, StoreError> {
        let row = self.db.first::<Count>(&BACKLOG, args![self.now()]).await?;
        Ok(row.and_then(|Count(count)| usize::try_from(count).ok()).unwrap_or(0))
    }

    /// The accounts that connections on the grant go through.
    pub async fn apps_of_grant(&self, grant: Id) -> Result<Vec<App>, StoreError> {
        let apps = self.db.all::<StoredApp>(&APPS, args![grant]).await?;
        apps.into_iter().map(|app| self.open_app(&app)).collect()
    }

    pub(super) fn open_app(&self, app: &StoredApp) -> Result<App, StoreError> {
        let credentials = if app.credentials.is_empty() {
            Map::new()
        } else {
            let row = app.id.to_string();
            let column = "integrations.credentials";
            let text = self.secrets.open(Place { column, row: &row }, &app.credentials)?;
            serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("credentials are not an object".to_owned()))?
        };
        Ok(App {
            credentials,
            send_real: app.send == "real",
        })
    }

    /// Takes the grant for one exchange of the refresh token that was read, or nothing when it has changed or another
    /// exchange has it. Committed when this returns.
    pub async fn intend_exchange(&self, row: Rotating) -> Result<Option<Intent>, StoreError> {
        let (now, by) = (self.now(), self.new_id());
        let mut batch = Batch::new();
        let grant = &row.grant;
        batch.expect(
            &INTEND,
            args![
                row.organization_id,
                grant.id,
                grant.generation,
                by,
                now,
                now.plus(LEASE)
            ],
            CHANGED,
        );
        match self.commit(batch).await {
            Ok(_) => Ok(Some(Intent {
                row: Rotating {
                    // What the statement has written, had an earlier intent ended without a word.
                    lost_at: row
                        .intent
                        .filter(|(generation, _)| *generation == grant.generation)
                        .map_or(row.lost_at, |(_, until)| Some(until)),
                    ..row
                },
                by,
            })),
            Err(error) if error.is_conflict(CHANGED) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a new pair of tokens over those of the row: the next generation. Fails with [`CHANGED`] when the grant's
    /// tokens are others by now, or the grant is gone.
    pub async fn renew_grant(&self, row: &Rotating, tokens: &Tokens) -> Result<i64, StoreError> {
        let grant = &row.grant;
        // The grant of posted tokens is found by its access token; one that OAuth made, by its app and workspace.
        let key = if grant.source == super::POSTED && !grant.key.contains('/') {
            self.grant_key(&grant.provider_id, "", tokens)
        } else {
            grant.key.clone()
        };
        match self.commit(self.renewal(row, tokens, key)?).await {
            // Somebody posted the new token already, on a grant of its own.
            Err(error) if error.is_conflict(EXISTS) => {
                let key = format!("{}/{}", self.grant_key(&grant.provider_id, "", tokens), grant.id);
                self.commit(self.renewal(row, tokens, key)?).await?;
            }
            done => drop(done?),
        }
        Ok(grant.generation + 1)
    }

    fn renewal(&self, row: &Rotating, tokens: &Tokens, key: String) -> Result<Batch, StoreError> {
        let (grant, now) = (&row.grant, self.now());
        let (recovered, refreshed) = (self.new_id(), self.new_id());
        let mut batch = Batch::new();
        batch.expect(
            &RENEW,
            args![
                row.organization_id,
                grant.id,
                grant.generation,
                self.seal_tokens(grant.id, tokens)?,
                now,
                recovered,
                tokens.end(),
                due(&grant.provider_id, tokens, now, jitter()),
                tokens.ends_at(),
                key
            ],
            CHANGED,
        );
        batch.add(&ANNOUNCE_REFRESHED, args![grant.id, a_tick_later(refreshed), now]);
        announce(&mut batch, grant.id, recovered, HealthStatus::Active, now);
        self.release_held(&mut batch, grant.id);
        Ok(batch)
    }

    /// Writes down how an exchange ended that brought no tokens; whether it still had the grant. Else nothing is written.
    pub async fn end_exchange(&self, intent: &Intent, ended: &Ended) -> Result<bool, StoreError> {
        let Intent { row, by } = intent;
        let (now, change) = (self.now(), self.new_id());
        let this = || args![row.organization_id, row.grant.id, row.grant.generation];
        let mut batch = Batch::new();
        let mut taken = this();
        taken.extend(args![*by]);
        match ended {
            Ended::Refused { status, reason } => {
                taken.extend(args![status.wire(), reason, now, change]);
                batch.expect(&REFUSE, taken, CHANGED);
                announce(&mut batch, row.grant.id, change, *status, now);
            }
            Ended::Failed {
                again_at,
                text,
                lost,
                degraded,
            } => {
                taken.extend(args![*again_at, text, lost.then_some(now)]);
                batch.expect(&FAIL, taken, CHANGED);
                if *degraded {
                    let mut degrade = this();
                    degrade.extend(args![text, now, change]);
                    batch.add(&DEGRADE, degrade);
                    announce(&mut batch, row.grant.id, change, HealthStatus::Degraded, now);
                }
            }
        }
        match self.commit(batch).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict(CHANGED) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts off the renewal of a grant that nothing can be done for now.
    pub async fn postpone_rotation(&self, due: &Due, by: Duration) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        let at = self.now().plus(by);
        batch.add(&POSTPONE, args![due.organization_id, due.id, due.generation, at]);
        self.commit(batch).await.map(|_| ())
    }

    /// Releases deliveries that are held for a grant that is well: they were decided on before it recovered, and written
    /// after. How many grants that were.
    pub async fn release_strays(&self) -> Result<usize, StoreError> {
        let strays = self.db.all::<Hold>(&STRAYS, args![]).await?;
        if strays.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::background();
        for Hold(grant) in &strays {
            self.release_held(&mut batch, *grant);
        }
        self.commit(batch).await?;
        Ok(strays.len())
    }
}

/// The same id with a time that is a little later: changes of one connection in one batch would have one id otherwise.
fn a_tick_later(id: Id) -> Id {
    let mut bytes = *id.bytes();
    for byte in bytes.iter_mut().take(6).rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    Id::from_bytes(bytes)
}

/// A random number of 0..1; without randomness the middle.
fn jitter() -> f64 {
    match crate::secrets::random_bytes(2).unwrap_or_default().as_slice() {
        [high, low] => f64::from(u16::from_be_bytes([*high, *low])) / 65536.0,
        _ => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_769_860_800_000);

    fn tokens(refresh: bool, ends_in: Option<Duration>, refresh_ends_in: Option<Duration>) -> Tokens {
        let at = |after: Duration| NOW.plus(after).to_string();
        Tokens {
            access_token: "a".to_owned(),
            refresh_token: refresh.then(|| "r".to_owned()),
            expires_at: ends_in.map(at),
            refresh_token_expires_at: refresh_ends_in.map(at),
        }
    }

    #[test]
    fn renewal_is_due_well_before_the_end() {
        let days = |days: u64| Duration::from_hours(24 * days);
        // Provider, life of the access token, of the refresh token, earliest and latest time.
        let table = [
            ("slack", Some(12 * HOUR), None, Some((HOUR * 19 / 2, 10 * HOUR))),
            ("novu-slack", Some(HOUR), None, Some((HOUR / 2, HOUR * 3 / 5))),
            (
                "slack",
                Some(Duration::ZERO),
                None,
                Some((Duration::ZERO, Duration::ZERO)),
            ),
            ("slack", None, None, None),
            ("slack", None, Some(days(90)), None),
            (
                "webex-messaging",
                Some(days(14)),
                Some(days(90)),
                Some((days(5), days(7))),
            ),
            ("webex-messaging", None, None, Some((days(5), days(7)))),
            (
                "webex-messaging",
                Some(days(14)),
                Some(days(4)),
                Some((days(1), days(2))),
            ),
            ("msteams", Some(HOUR), None, None),
        ];
        for (provider, life, refresh_life, expected) in table {
            for jitter in [0.0, 0.3, 1.0] {
                let due = due(provider, &tokens(true, life, refresh_life), NOW, jitter);
                match expected {
                    None => assert_eq!(due, None, "{provider} {life:?}"),
                    Some((from, to)) => {
                        let wait = NOW.until(due.unwrap());
                        assert!(from <= wait && wait <= to, "{provider} {life:?} {wait:?}");
                    }
                }
            }
        }
        assert_eq!(due("slack", &tokens(false, Some(HOUR), None), NOW, 0.5), None);
    }

    #[test]
    fn a_tick_later_is_another_id_of_the_same_kind() {
        let id: Id = "0000000000ff0102030405aa".parse().unwrap();
        assert_eq!(a_tick_later(id).to_string(), "0000000001000102030405aa");
    }
}
