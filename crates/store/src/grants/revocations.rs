//! Revocations: what is left of a grant whose last connection was deleted, until its vendor has confirmed that the tokens
//! are revoked. A row is written in the commit that deletes the grant, so that no token is ever forgotten.

use campanile_model::{Ctx, Id, Time};

use super::rotation::{App, StoredApp};
use super::{CHANGED, Grant, Tokens};
use crate::connections::Connection;
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

const TOKENS: &str = "revocations.tokens";

queries! {
    /// Keeps the grant's tokens from being replaced until the batch is committed.
    KEEP_GENERATION = "UPDATE grants SET updated_at = updated_at WHERE organization_id = $1 AND id = $2 AND generation = $3";
    BURY = {
        sqlite: "INSERT INTO revocations
            (id, organization_id, environment_id, integration_id, provider_id, generation, tokens, attempts, run_at, created_at)
            SELECT g.id, g.organization_id, $3, $4, g.provider_id, g.generation, $5, 0, $6, $6 FROM grants g
            WHERE g.organization_id = $1 AND g.id = $2
            AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.grant_id = g.id)",
        postgres: "INSERT INTO revocations
            (id, organization_id, environment_id, integration_id, provider_id, generation, tokens, attempts, run_at, created_at)
            SELECT g.id, g.organization_id, $3::text, $4::text, g.provider_id, g.generation, $5::text, 0, $6::int8, $6::int8
            FROM grants g WHERE g.organization_id = $1 AND g.id = $2
            AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.grant_id = g.id)",
    };
    DUE = "SELECT id, provider_id, environment_id, integration_id, generation, tokens, attempts FROM revocations
        WHERE run_at <= $1 ORDER BY run_at, id LIMIT $2";
    /// A deleted integration keeps its credentials.
    APP = "SELECT id, credentials, send FROM integrations WHERE environment_id = $1 AND id = $2";
    CONFIRM = "DELETE FROM revocations WHERE id = $1 AND generation = $2";
    AGAIN = "UPDATE revocations SET attempts = attempts + 1, run_at = $3, last_error = $4 WHERE id = $1 AND generation = $2";
    REPLACE = "UPDATE revocations SET tokens = $3, generation = generation + 1, run_at = $4 WHERE id = $1 AND generation = $2";
    GENERATION = "SELECT generation FROM revocations WHERE id = $1";
}

impl Grant {
    /// Whether our own OAuth made it: then its tokens are ours to revoke.
    pub fn is_ours(&self) -> bool {
        self.source == "oauth"
    }
}

/// Tokens that are to be revoked.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// The grant that they were of.
    pub id: Id,
    /// The provider that issued them.
    pub provider_id: String,
    /// Counts the sets of tokens.
    pub generation: i64,
    /// Calls that did not succeed.
    pub attempts: i64,
    environment_id: Id,
    integration_id: Id,
    tokens: String,
}

impl FromRow for Revocation {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            provider_id: c.text()?,
            environment_id: c.id()?,
            integration_id: c.id()?,
            generation: c.int()?,
            tokens: c.text()?,
            attempts: c.int()?,
        })
    }
}

struct Generation(i64);

impl FromRow for Generation {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

impl Store {
    /// What a deletion of the connection adds between its own row and its grant's, so that the tokens are revoked if it
    /// was the last one there. The commit fails with [`CHANGED`] when the tokens were replaced meanwhile.
    pub(crate) fn bury(&self, ctx: &Ctx, connection: &Connection) -> Result<Batch, StoreError> {
        let grant = &connection.grant;
        let sealed = self.seal_buried(grant.id, &self.open_tokens(grant)?)?;
        let mut batch = Batch::new();
        batch.expect(
            &KEEP_GENERATION,
            args![ctx.organization, grant.id, grant.generation],
            CHANGED,
        );
        batch.add(
            &BURY,
            args![
                ctx.organization,
                grant.id,
                ctx.environment,
                connection.integration_id,
                sealed,
                self.now()
            ],
        );
        Ok(batch)
    }

    fn seal_buried(&self, grant: Id, tokens: &Tokens) -> Result<String, StoreError> {
        let row = grant.to_string();
        self.secrets.seal(
            Place {
                column: TOKENS,
                row: &row,
            },
            &tokens.to_json(),
        )
    }

    pub(super) fn open_buried(&self, grant: Id, sealed: &str) -> Result<Tokens, StoreError> {
        let row = grant.to_string();
        let place = Place {
            column: TOKENS,
            row: &row,
        };
        let tokens = Tokens::from_json(&self.secrets.open(place, sealed)?);
        tokens.ok_or_else(|| StoreError::Corrupt("tokens are not tokens".to_owned()))
    }

    /// The revocations that are due, with their tokens.
    pub async fn due_revocations(&self, most: usize) -> Result<Vec<(Revocation, Tokens)>, StoreError> {
        let due = self.db.all::<Revocation>(&DUE, args![self.now(), most]).await?;
        due.into_iter()
            .map(|one| {
                let tokens = self.open_buried(one.id, &one.tokens)?;
                Ok((one, tokens))
            })
            .collect()
    }

    /// The account through which the deleted connection went.
    pub async fn app_of_revocation(&self, revocation: &Revocation) -> Result<Option<App>, StoreError> {
        let place = args![revocation.environment_id, revocation.integration_id];
        let app = self.db.first::<StoredApp>(&APP, place).await?;
        app.map(|app| self.open_app(&app)).transpose()
    }

    /// The vendor has confirmed: nothing is kept.
    pub async fn confirm_revocation(&self, revocation: &Revocation) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&CONFIRM, args![revocation.id, revocation.generation]);
        self.commit(batch).await.map(|_| ())
    }

    /// The next call is made then.
    pub async fn repeat_revocation(&self, revocation: &Revocation, at: Time, error: &str) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&AGAIN, args![revocation.id, revocation.generation, at, error]);
        self.commit(batch).await.map(|_| ())
    }

    /// Gives a revocation the tokens that an exchange brought, so that these are revoked too. Whether there is one.
    pub async fn replace_buried_tokens(
        &self,
        grant: Id,
        generation: Option<i64>,
        tokens: &Tokens,
    ) -> Result<bool, StoreError> {
        let generation = match generation {
            Some(generation) => Some(generation),
            None => self
                .db
                .first::<Generation>(&GENERATION, args![grant])
                .await?
                .map(|Generation(generation)| generation),
        };
        let Some(generation) = generation else { return Ok(false) };
        let mut batch = Batch::new();
        let sealed = self.seal_buried(grant, tokens)?;
        batch.expect(&REPLACE, args![grant, generation, sealed, self.now()], CHANGED);
        match self.commit(batch).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict(CHANGED) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
