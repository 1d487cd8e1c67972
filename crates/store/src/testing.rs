//! What tests see and set that the server never does. Behind the feature `testing`.

use campanile_model::{Ctx, Id, Time};
use serde_json::json;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    TASKS = "SELECT id, lane, kind, state, run_at, claims FROM tasks ORDER BY id";
    CHANGES = "SELECT kind FROM changes ORDER BY id";
    GRANTS = "SELECT id FROM grants ORDER BY id";
    LOOK = "UPDATE messages SET is_seen = $3, last_seen_at = $4 WHERE environment_id = $1 AND id = $2";
    SET_SCOPES = "UPDATE api_keys SET scopes = $2, expires_at = $3 WHERE hash = $1";
}

/// A task as it is stored.
#[derive(Clone, Debug)]
pub struct StoredTask {
    /// Its id.
    pub id: Id,
    /// Its lane.
    pub lane: String,
    /// What it is, with its version.
    pub kind: String,
    /// `ready`, `scheduled`, `leased`, `held` or `parked`.
    pub state: &'static str,
    /// When it is due.
    pub run_at: Time,
    /// How often it was claimed since it was last scheduled.
    pub claims: i64,
}

impl FromRow for StoredTask {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        const STATES: [&str; 5] = ["ready", "scheduled", "leased", "held", "parked"];
        Ok(Self {
            id: c.id()?,
            lane: c.text()?,
            kind: c.text()?,
            state: usize::try_from(c.int()?)
                .ok()
                .and_then(|state| STATES.get(state).copied())
                .ok_or_else(|| StoreError::Corrupt("a task's state is unknown".to_owned()))?,
            run_at: c.time()?,
            claims: c.int()?,
        })
    }
}

struct Text(String);

impl FromRow for Text {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

impl Store {
    /// All tasks, oldest first.
    pub async fn stored_tasks(&self) -> Result<Vec<StoredTask>, StoreError> {
        self.db.all(&TASKS, args![]).await
    }

    /// The kinds of all announced changes, oldest first.
    pub async fn stored_changes(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.db.all::<Text>(&CHANGES, args![]).await?;
        Ok(rows.into_iter().map(|Text(kind)| kind).collect())
    }

    /// The ids of all grants, oldest first.
    pub async fn stored_grants(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.db.all::<Text>(&GRANTS, args![]).await?;
        Ok(rows.into_iter().map(|Text(id)| id).collect())
    }

    /// Marks a message as seen.
    pub async fn look_at_message(&self, ctx: &Ctx, id: Id) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.add(&LOOK, args![ctx.environment, id, true, self.now()]);
        self.commit(batch).await.map(|_| ())
    }

    /// Makes an API key that may do only what its scopes name.
    pub async fn make_scoped_key(
        &self,
        ctx: &Ctx,
        secret: &str,
        scopes: &[&str],
        expires_at: Option<Time>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.add_api_key(&mut batch, ctx, "Scoped key", secret)?;
        batch.add(&SET_SCOPES, args![self.api_key_hash(secret), json!(scopes), expires_at]);
        batch.change_configuration();
        self.commit(batch).await.map(|_| ())
    }
}
