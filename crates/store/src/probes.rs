//! When vendors are asked how a grant stands, by whom, and what they said.

use std::time::Duration;

use campanile_model::{Ctx, Id, Time};

use crate::connections::Connection;
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

/// For so long nobody else asks about a grant; who asks is done by then, or gone.
pub const PROBE_LEASE: Duration = Duration::from_secs(20);
/// The conflict of two who want to ask about one grant at a time.
pub const PROBED_BY_OTHERS: &str = "grant probe";

queries! {
    UNPLANNED = "SELECT organization_id, id FROM grants WHERE probe_at IS NULL LIMIT $1";
    PLAN = "UPDATE grants SET probe_at = $3 WHERE organization_id = $1 AND id = $2";
    CLAIM = "UPDATE grants SET probe_at = $2, probing_until = $2 WHERE id IN (
        SELECT id FROM grants WHERE probe_at <= $1 ORDER BY probe_at LIMIT $3 {skip_locked})
        RETURNING organization_id, id";
    TAKE = "UPDATE grants SET probing_until = $4 WHERE organization_id = $1 AND id = $2
        AND (probing_until IS NULL OR probing_until <= $3)";
    END = "UPDATE grants SET probe_at = $3, probing_until = NULL, probed_at = $4 WHERE organization_id = $1 AND id = $2";
    STATE = "SELECT probing_until, probed_at FROM grants WHERE organization_id = $1 AND id = $2";
    CONNECTION_OF = "SELECT environment_id, identifier FROM connections WHERE grant_id = $1 ORDER BY id DESC LIMIT 1";
    SET_SCOPES = "UPDATE grants SET scopes = $4, missing_scopes = $5
        WHERE organization_id = $1 AND id = $2 AND generation = $3";
    MISS_SCOPE = "UPDATE grants SET missing_scopes = CASE
            WHEN missing_scopes IS NULL THEN '[' || $4 || ']'
            ELSE substr(missing_scopes, 1, length(missing_scopes) - 1) || ',' || $4 || ']' END
        WHERE organization_id = $1 AND id = $2 AND generation = $3
        AND (missing_scopes IS NULL OR missing_scopes NOT LIKE $5)";
    ENDING = "SELECT organization_id, id, generation, expires_at FROM grants
        WHERE status = 'active' AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
}

struct Pair(Id, Id);

impl FromRow for Pair {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.id()?, c.id()?))
    }
}

struct Named(Id, String);

impl FromRow for Named {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.id()?, c.text()?))
    }
}

/// Whether a grant is asked about at the moment, and when its vendor last answered.
#[derive(Clone, Copy, Debug)]
pub struct ProbeState {
    /// Somebody asks, until then at the longest.
    pub probing_until: Option<Time>,
    /// The last answer.
    pub probed_at: Option<Time>,
}

impl FromRow for ProbeState {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            probing_until: c.opt_time()?,
            probed_at: c.opt_time()?,
        })
    }
}

/// A grant that ends and cannot renew itself.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Whose it is.
    pub organization: Id,
    /// Which.
    pub grant: Id,
    /// Of which tokens.
    pub generation: i64,
    /// When.
    pub expires_at: Time,
}

impl FromRow for Ending {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            organization: c.id()?,
            grant: c.id()?,
            generation: c.int()?,
            expires_at: c.time()?,
        })
    }
}

impl Store {
    /// Plans the first probe of grants that have none, each at a time that `when` names; how many there were.
    pub async fn plan_probes(&self, limit: usize, when: impl Fn() -> Time) -> Result<usize, StoreError> {
        let rows = self.db.all::<Pair>(&UNPLANNED, args![limit]).await?;
        let mut batch = Batch::background();
        for Pair(organization, grant) in &rows {
            batch.add(&PLAN, args![*organization, *grant, when()]);
        }
        self.db.commit(batch).await?;
        Ok(rows.len())
    }

    /// Adds that a grant is asked about at this time.
    pub fn plan_probe(&self, batch: &mut Batch, ctx: &Ctx, grant: Id, at: Time) {
        batch.add(&PLAN, args![ctx.organization, grant, at]);
    }

    /// Claims at most `limit` grants that are to be asked about, as organization and grant; the longest due first.
    pub async fn claim_probes(&self, limit: usize) -> Result<Vec<(Id, Id)>, StoreError> {
        let now = self.now();
        let mut batch = Batch::background();
        batch.add(&CLAIM, args![now, now.plus(PROBE_LEASE), limit]);
        let mut done = self.db.commit(batch).await?;
        let rows = done.rows.pop().unwrap_or_default();
        rows.into_iter()
            .map(|row| Pair::from_row(&mut row.columns()).map(|Pair(organization, grant)| (organization, grant)))
            .collect()
    }

    /// Claims one grant for a probe now; false when somebody else is asking.
    pub async fn claim_probe(&self, ctx: &Ctx, grant: Id) -> Result<bool, StoreError> {
        let now = self.now();
        let mut batch = Batch::new();
        let row = args![ctx.organization, grant, now, now.plus(PROBE_LEASE)];
        batch.expect(&TAKE, row, PROBED_BY_OTHERS);
        match self.db.commit(batch).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict(PROBED_BY_OTHERS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds the end of a probe, and when the next one is due.
    pub fn end_probe(&self, batch: &mut Batch, ctx: &Ctx, grant: Id, next: Time) {
        batch.add(&END, args![ctx.organization, grant, next, self.now()]);
    }

    /// How the probes of a grant stand.
    pub async fn probe_state(&self, ctx: &Ctx, grant: Id) -> Result<Option<ProbeState>, StoreError> {
        self.db.first(&STATE, args![ctx.organization, grant]).await
    }

    /// The newest connection on a grant, in whichever environment it is, with the server's own context there.
    pub async fn connection_on(&self, organization: Id, grant: Id) -> Result<Option<(Ctx, Connection)>, StoreError> {
        let Some(Named(environment, identifier)) = self.db.first(&CONNECTION_OF, args![grant]).await? else {
            return Ok(None);
        };
        let ctx = Ctx::system(organization, environment, "probe");
        let connection = self.connection(&ctx, &identifier).await?;
        Ok(connection.map(|connection| (ctx, connection)))
    }

    /// Adds what the customer consented to, and what of the needed is not among it.
    pub fn set_grant_scopes(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        grant: Id,
        generation: i64,
        scopes: Option<&[String]>,
        missing: Option<&[String]>,
    ) {
        let json = |list: Option<&[String]>| list.map(|list| serde_json::Value::from(list.to_vec()).to_string());
        let row = args![ctx.organization, grant, generation, json(scopes), json(missing)];
        batch.add(&SET_SCOPES, row);
    }

    /// Adds a scope that a call turned out to need.
    pub fn miss_grant_scope(&self, batch: &mut Batch, ctx: &Ctx, grant: Id, generation: i64, scope: &str) {
        let quoted = serde_json::Value::from(scope).to_string();
        let pattern = format!("%{quoted}%");
        batch.add(&MISS_SCOPE, args![ctx.organization, grant, generation, quoted, pattern]);
    }

    /// Grants that work and end before `before`, the first to end first.
    pub async fn ending_grants(&self, before: Time, limit: usize) -> Result<Vec<Ending>, StoreError> {
        self.db.all(&ENDING, args![before, limit]).await
    }
}
