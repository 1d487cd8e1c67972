//! Environments: a set of configuration and data in an organization.

mod erasure;

use std::time::Duration;

use campanile_model::{Ctx, Id, Time};

#[cfg(any(test, feature = "testing"))]
pub(crate) use erasure::all as all_of_erasure;
#[cfg(any(test, feature = "testing"))]
pub use erasure::erased_tables;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::{random_hex, random_word};
use crate::{Store, args, queries};

/// The conflict of two environments of one name.
pub const NAME_TAKEN: &str = "environments_name";
/// The conflict of two environments of one application identifier.
pub const IDENTIFIER_TAKEN: &str = "environments_identifier";
/// The conflict of two changes of one environment.
pub const CHANGED: &str = "environment changed meanwhile";

queries! {
    LIST = "SELECT id, organization_id, name, identifier, kind, color, parent_id, bridge_url, inbound_domain, created_at,
        updated_at
        FROM environments WHERE organization_id = $1 ORDER BY id";
    FIND = "SELECT id, organization_id, name, identifier, kind, color, parent_id, bridge_url, inbound_domain, created_at,
        updated_at
        FROM environments WHERE organization_id = $1 AND id = $2";
    FIND_BY_IDENTIFIER = "SELECT id, organization_id, name, identifier, kind, color, parent_id, bridge_url, inbound_domain, created_at,
        updated_at
        FROM environments WHERE identifier = $1";
    ALL_IDS = "SELECT id, organization_id FROM environments ORDER BY id";
    INSERT = {
        insert "environments",
        "id text, organization_id text, name text, identifier text, kind text, color text, parent_id text, created_at int, updated_at int"
    };
    UPDATE = "UPDATE environments SET name = $3, identifier = $4, color = $5, parent_id = $6, bridge_url = $7,
        inbound_domain = $8, updated_at = $9 WHERE organization_id = $1 AND id = $2 AND updated_at = $10";
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
    /// Where its workflows in code are asked.
    pub bridge_url: Option<String>,
    /// The domain whose mail it takes.
    pub inbound_domain: Option<String>,
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
            bridge_url: c.opt_text()?,
            inbound_domain: c.opt_text()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

/// What a new environment is to be; what is absent is made up.
#[derive(Clone, Default)]
pub struct NewEnvironment {
    /// Such as `Staging`.
    pub name: String,
    /// Hex colour.
    pub color: Option<String>,
    /// Where it is published from.
    pub parent_id: Option<Id>,
    /// The public application identifier.
    pub identifier: Option<String>,
    /// The API key.
    pub secret_key: Option<String>,
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

    /// Adds a new environment with one unscoped API key, which is returned in clear, and the inbox integration. The
    /// commit fails with [`NAME_TAKEN`] when the organization has one of this name.
    pub fn make_environment(
        &self,
        batch: &mut Batch,
        organization: Id,
        request_id: &str,
        new: NewEnvironment,
    ) -> Result<(Environment, String), StoreError> {
        let now = self.now();
        let environment = Environment {
            id: self.new_id(),
            organization_id: organization,
            name: new.name,
            identifier: match new.identifier {
                Some(identifier) => identifier,
                None => random_word(12)?,
            },
            kind: if new.parent_id.is_none() { "dev" } else { "prod" }.to_owned(),
            color: new.color,
            parent_id: new.parent_id,
            bridge_url: None,
            inbound_domain: None,
            created_at: now,
            updated_at: now,
        };
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
        let ctx = Ctx::system(organization, environment.id, request_id);
        let secret_key = match new.secret_key {
            Some(secret) => secret,
            None => random_hex(16)?,
        };
        self.add_api_key(batch, &ctx, "Secret key", &secret_key)?;
        self.add_inbox_integration(batch, &ctx)?;
        Ok((environment, secret_key))
    }

    /// Changes an environment; the commit fails with [`CHANGED`] when it is not as it was read, with [`NAME_TAKEN`] or
    /// [`IDENTIFIER_TAKEN`] when another one is called so.
    pub fn update_environment(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        before: &Environment,
        mut after: Environment,
    ) -> Environment {
        after.updated_at = self.now().max(before.updated_at.plus(Duration::from_millis(1)));
        batch.expect(
            &UPDATE,
            args![
                ctx.organization,
                before.id,
                &after.name,
                &after.identifier,
                after.color.clone(),
                after.parent_id,
                after.bridge_url.clone(),
                after.inbound_domain.clone(),
                after.updated_at,
                before.updated_at
            ],
            CHANGED,
        );
        self.audit(batch, ctx, "environment.update", before.id);
        batch.change_configuration();
        after
    }
}
