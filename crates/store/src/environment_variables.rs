//! Environment variables: one key for the organization, a value for each environment; templates read `env.KEY`.
//!
//! All values are sealed, because nobody knows beforehand which of them will be called secret.

use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of two variables of one key.
pub const EXISTS: &str = "environment_variables_key";
/// The conflict of two changes of one variable.
pub const CHANGED: &str = "environment variable changed meanwhile";

const VALUE: &str = "environment_variable_values.value";

queries! {
    LIST = "SELECT v.id, v.variable_key, v.is_secret, v.created_at, v.updated_at, x.value
        FROM environment_variables v
        LEFT JOIN environment_variable_values x ON x.environment_id = $2 AND x.variable_id = v.id
        WHERE v.organization_id = $1 ORDER BY v.id";
    FIND = "SELECT v.id, v.variable_key, v.is_secret, v.created_at, v.updated_at, x.value
        FROM environment_variables v
        LEFT JOIN environment_variable_values x ON x.environment_id = $2 AND x.variable_id = v.id
        WHERE v.organization_id = $1 AND v.variable_key = $3";
    INSERT = {
        insert "environment_variables",
        "organization_id text, id text, variable_key text, is_secret bool, created_at int, updated_at int",
        "ON CONFLICT (organization_id, variable_key) DO NOTHING"
    };
    UPDATE = "UPDATE environment_variables SET variable_key = $3, is_secret = $4, updated_at = $5
        WHERE organization_id = $1 AND id = $2 AND updated_at = $6";
    PUT_VALUE = "INSERT INTO environment_variable_values (environment_id, variable_id, value) VALUES ($1, $2, $3)
        ON CONFLICT (environment_id, variable_id) DO UPDATE SET value = excluded.value";
    DELETE = "DELETE FROM environment_variables WHERE organization_id = $1 AND id = $2";
    DELETE_VALUES = "DELETE FROM environment_variable_values WHERE variable_id = $1";
}

/// One variable as the caller's environment sees it.
#[derive(Clone, Debug)]
pub struct EnvironmentVariable {
    /// Its id.
    pub id: Id,
    /// The name in templates.
    pub key: String,
    /// Whether its values are never shown again.
    pub is_secret: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed; each change has a later time than the one before.
    pub updated_at: Time,
    value: Option<String>,
}

impl EnvironmentVariable {
    /// Whether the caller's environment gives it a value.
    pub fn has_value(&self) -> bool {
        self.value.is_some()
    }
}

impl FromRow for EnvironmentVariable {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            key: c.text()?,
            is_secret: c.bool()?,
            created_at: c.time()?,
            updated_at: c.time()?,
            value: c.opt_text()?,
        })
    }
}

impl Store {
    /// The organization's variables, oldest first, with the values of the caller's environment.
    pub async fn environment_variables(&self, ctx: &Ctx) -> Result<Vec<EnvironmentVariable>, StoreError> {
        self.db.all(&LIST, args![ctx.organization, ctx.environment]).await
    }

    /// The variable of this key.
    pub async fn environment_variable(&self, ctx: &Ctx, key: &str) -> Result<Option<EnvironmentVariable>, StoreError> {
        self.db
            .first(&FIND, args![ctx.organization, ctx.environment, key])
            .await
    }

    /// Its value in the caller's environment.
    pub fn environment_value(&self, ctx: &Ctx, variable: &EnvironmentVariable) -> Result<Option<String>, StoreError> {
        let row = &row(ctx, variable.id);
        let open = |sealed: &String| self.secrets.open(Place { column: VALUE, row }, sealed);
        variable.value.as_ref().map(open).transpose()
    }

    /// Adds a new variable; the commit fails with [`EXISTS`] when the key is taken.
    pub fn create_environment_variable(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        key: &str,
        is_secret: bool,
        value: Option<&str>,
    ) -> Result<EnvironmentVariable, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        batch.expect(&INSERT, args![ctx.organization, id, key, is_secret, now, now], EXISTS);
        let variable = EnvironmentVariable {
            id,
            key: key.to_owned(),
            is_secret,
            created_at: now,
            updated_at: now,
            value: self.put_value(batch, ctx, id, value)?,
        };
        self.audit(batch, ctx, "environment_variable.create", id);
        batch.change_configuration();
        Ok(variable)
    }

    /// Changes a variable to `after`, and its value in the caller's environment when one is given. The commit fails with
    /// [`CHANGED`] when it is not as it was read, and with [`EXISTS`] when its new key is taken.
    pub fn update_environment_variable(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        before: &EnvironmentVariable,
        mut after: EnvironmentVariable,
        value: Option<&str>,
    ) -> Result<EnvironmentVariable, StoreError> {
        after.updated_at = self
            .now()
            .max(before.updated_at.plus(std::time::Duration::from_millis(1)));
        batch.expect(
            &UPDATE,
            args![
                ctx.organization,
                before.id,
                &after.key,
                after.is_secret,
                after.updated_at,
                before.updated_at
            ],
            CHANGED,
        );
        if let Some(sealed) = self.put_value(batch, ctx, before.id, value)? {
            after.value = Some(sealed);
        }
        self.audit(batch, ctx, "environment_variable.update", before.id);
        batch.change_configuration();
        Ok(after)
    }

    /// Removes a variable with its values in all environments; the commit fails with [`CHANGED`] when it is gone.
    pub fn delete_environment_variable(&self, batch: &mut Batch, ctx: &Ctx, id: Id) {
        batch.expect(&DELETE, args![ctx.organization, id], CHANGED);
        batch.add(&DELETE_VALUES, args![id]);
        self.audit(batch, ctx, "environment_variable.delete", id);
        batch.change_configuration();
    }

    fn put_value(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        id: Id,
        value: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let Some(value) = value else { return Ok(None) };
        let row = &row(ctx, id);
        let sealed = self.secrets.seal(Place { column: VALUE, row }, value)?;
        batch.add(&PUT_VALUE, args![ctx.environment, id, &sealed]);
        Ok(Some(sealed))
    }
}

/// What a value is sealed for: the same variable has another value in another environment.
fn row(ctx: &Ctx, id: Id) -> String {
    format!("{}:{id}", ctx.environment)
}
