//! Environments: a set of configuration and data in an organization.

use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    LIST = "SELECT id, organization_id, name, identifier, kind, color, parent_id, created_at, updated_at
        FROM environments WHERE organization_id = $1 ORDER BY id";
    FIND = "SELECT id, organization_id, name, identifier, kind, color, parent_id, created_at, updated_at
        FROM environments WHERE organization_id = $1 AND id = $2";
    FIND_BY_IDENTIFIER = "SELECT id, organization_id, name, identifier, kind, color, parent_id, created_at, updated_at
        FROM environments WHERE identifier = $1";
    ALL_IDS = "SELECT id, organization_id FROM environments ORDER BY id";
    INSERT = {
        insert "environments",
        "id text, organization_id text, name text, identifier text, kind text, color text, parent_id text, created_at int, updated_at int"
    };
}

/// One environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// Such as `Development`.
    pub name: String,
    /// The application identifier, public, used by the Inbox.
    pub identifier: String,
    /// `dev` or `prod`.
    pub kind: String,
    /// Hex colour.
    pub color: Option<String>,
    /// Where it is published from.
    pub parent_id: Option<Id>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl FromRow for Environment {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            organization_id: c.id()?,
            name: c.text()?,
            identifier: c.text()?,
            kind: c.text()?,
            color: c.opt_text()?,
            parent_id: c.opt_id()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

struct Pair(Id, Id);

impl FromRow for Pair {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.id()?, c.id()?))
    }
}

impl Store {
    /// The organization's environments, oldest first.
    pub async fn environments(&self, ctx: &Ctx) -> Result<Vec<Environment>, StoreError> {
        self.db.all(&LIST, args![ctx.organization]).await
    }

    /// One environment of the caller's organization.
    pub async fn environment(&self, ctx: &Ctx, id: Id) -> Result<Option<Environment>, StoreError> {
        self.db.first(&FIND, args![ctx.organization, id]).await
    }

    /// The environment that an application identifier opens to the people who are notified: what a session begins with,
    /// before anybody is known.
    pub async fn environment_of_application(&self, identifier: &str) -> Result<Option<Environment>, StoreError> {
        self.db.first(&FIND_BY_IDENTIFIER, args![identifier]).await
    }

    /// All environments of the server with their organizations, for workers that go round them.
    pub async fn environment_ids(&self) -> Result<Vec<(Id, Id)>, StoreError> {
        let pairs = self.db.all::<Pair>(&ALL_IDS, args![]).await?;
        Ok(pairs
            .into_iter()
            .map(|Pair(environment, organization)| (environment, organization))
            .collect())
    }

    pub(crate) fn insert_environment(batch: &mut Batch, environment: &Environment) {
        batch.add(
            &INSERT,
            args![
                environment.id,
                environment.organization_id,
                &environment.name,
                &environment.identifier,
                &environment.kind,
                environment.color.clone(),
                environment.parent_id,
                environment.created_at,
                environment.updated_at
            ],
        );
    }
}
