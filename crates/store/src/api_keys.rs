//! API keys: found by keyed hash, sealed at rest. Each has a name, scopes and an expiry; an environment begins with one
//! that is unscoped and never expires, which is the environment's secret.

use campanile_model::{Ctx, Id, Permissions, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::{Place, random_hex};
use crate::{Store, args, queries};

queries! {
    FIND = "SELECT id, organization_id, environment_id, sealed, name, scopes, expires_at, created_at
        FROM api_keys WHERE hash = $1";
    LIST = "SELECT id, organization_id, environment_id, sealed, name, scopes, expires_at, created_at
        FROM api_keys WHERE environment_id = $1 ORDER BY id";
    INSERT = {
        insert "api_keys",
        "id text, organization_id text, environment_id text, hash text, sealed text, name text, scopes text, expires_at int, created_at int"
    };
    REMOVE_ALL = "DELETE FROM api_keys WHERE environment_id = $1";
}

/// The stored record of a key; the key itself stays sealed.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id, by which audits name it.
    pub id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// The only environment that it opens.
    pub environment_id: Id,
    sealed: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may do; nothing means everything.
    pub scopes: Option<Vec<String>>,
    /// When it stops working.
    pub expires_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
}

impl ApiKey {
    /// What the key may do.
    pub fn permissions(&self) -> Permissions {
        self.scopes.as_ref().map_or(Permissions::ALL, |scopes| {
            Permissions::from_wire(scopes.iter().map(String::as_str))
        })
    }

    /// Whether it has stopped working.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl FromRow for ApiKey {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            organization_id: c.id()?,
            environment_id: c.id()?,
            sealed: c.text()?,
            name: c.text()?,
            scopes: c.opt_json()?.and_then(|scopes| serde_json::from_value(scopes).ok()),
            expires_at: c.opt_time()?,
            created_at: c.time()?,
        })
    }
}

const COLUMN: &str = "api_keys.sealed";

impl Store {
    /// The record of a key that a caller gave, expired or not.
    pub async fn api_key(&self, secret: &str) -> Result<Option<ApiKey>, StoreError> {
        self.db.first(&FIND, args![self.api_key_hash(secret)]).await
    }

    /// The hash by which a key is found; caches use it so as not to hold keys.
    pub fn api_key_hash(&self, secret: &str) -> String {
        self.secrets.lookup_hash("api key", secret)
    }

    /// The keys of an environment, oldest first, each with its secret.
    pub async fn api_keys(&self, ctx: &Ctx) -> Result<Vec<(ApiKey, String)>, StoreError> {
        let keys = self.db.all::<ApiKey>(&LIST, args![ctx.environment]).await?;
        keys.into_iter()
            .map(|key| {
                let secret = self.secrets.open(
                    Place {
                        column: COLUMN,
                        row: &key.id.to_string(),
                    },
                    &key.sealed,
                )?;
                Ok((key, secret))
            })
            .collect()
    }

    /// Replaces all keys of the environment with one new key, which is returned. The old ones die with the commit.
    pub fn replace_api_keys(&self, batch: &mut Batch, ctx: &Ctx) -> Result<String, StoreError> {
        let secret = random_hex(16)?;
        batch.add(&REMOVE_ALL, args![ctx.environment]);
        self.add_api_key(batch, ctx, "Secret key", &secret)?;
        batch.change_configuration();
        self.audit(batch, ctx, "api_key.regenerate", ctx.environment);
        Ok(secret)
    }

    pub(crate) fn add_api_key(&self, batch: &mut Batch, ctx: &Ctx, name: &str, secret: &str) -> Result<(), StoreError> {
        let id = self.new_id();
        let sealed = self.secrets.seal(
            Place {
                column: COLUMN,
                row: &id.to_string(),
            },
            secret,
        )?;
        let hash = self.api_key_hash(secret);
        batch.add(
            &INSERT,
            args![
                id,
                ctx.organization,
                ctx.environment,
                hash,
                sealed,
                name,
                Option::<String>::None,
                Option::<i64>::None,
                self.now()
            ],
        );
        Ok(())
    }
}
