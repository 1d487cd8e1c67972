//! What an empty database begins with: one organization with the environments Development and Production.

use campanile_model::Id;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::environments::{Environment, NewEnvironment};
use crate::{Store, args, queries};

queries! {
    INSERT_FACT = { insert "facts", "name text, value text" };
    FIND_FACT = "SELECT value FROM facts WHERE name = $1";
    INSERT_ORGANIZATION = { insert "organizations", "id text, name text, created_at int" };
}

/// Values that the operator chose before the first start.
#[derive(Clone, Default)]
pub struct Chosen {
    /// The environment's API key.
    pub secret_key: Option<String>,
    /// The environment's public identifier.
    pub application_identifier: Option<String>,
}

/// What was made for an environment.
#[derive(Clone)]
pub struct Made {
    /// The environment.
    pub environment: Environment,
    /// Its API key.
    pub secret_key: String,
    /// Whether the operator chose the key: then it is never printed.
    pub secret_key_chosen: bool,
}

/// What the first start made.
#[derive(Clone)]
pub struct FirstStart {
    /// Development.
    pub development: Made,
    /// Production.
    pub production: Made,
}

struct Fact(String);

impl FromRow for Fact {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

const MADE_IN: &str = "made_in";

impl Store {
    /// Whether the database was made in dev mode; nothing when it is still empty.
    pub async fn made_in_dev_mode(&self) -> Result<Option<bool>, StoreError> {
        Ok(self
            .db
            .first::<Fact>(&FIND_FACT, args![MADE_IN])
            .await?
            .map(|Fact(value)| value == "dev"))
    }

    /// Fills an empty database. Nothing when it is not empty any more, also when another node was quicker.
    pub async fn first_start(
        &self,
        dev: bool,
        development: Chosen,
        production: Chosen,
    ) -> Result<Option<FirstStart>, StoreError> {
        if self.made_in_dev_mode().await?.is_some() {
            return Ok(None);
        }
        let organization = self.new_id();
        let mut batch = Batch::new();
        batch.expect(
            &INSERT_FACT,
            args![MADE_IN, if dev { "dev" } else { "serve" }],
            "first start",
        );
        batch.add(&INSERT_ORGANIZATION, args![organization, "Organization", self.now()]);
        let development = self.first_environment(&mut batch, organization, "Development", None, development)?;
        let parent = development.environment.id;
        let production = self.first_environment(&mut batch, organization, "Production", Some(parent), production)?;
        match self.db.commit(batch).await {
            Ok(_) => Ok(Some(FirstStart {
                development,
                production,
            })),
            // Another node wrote the fact first.
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn first_environment(
        &self,
        batch: &mut Batch,
        organization: Id,
        name: &str,
        parent_id: Option<Id>,
        chosen: Chosen,
    ) -> Result<Made, StoreError> {
        let secret_key_chosen = chosen.secret_key.is_some();
        let color = if parent_id.is_none() { "#ff8547" } else { "#7e52f4" };
        let new = NewEnvironment {
            name: name.to_owned(),
            color: Some(color.to_owned()),
            parent_id,
            identifier: chosen.application_identifier,
            secret_key: chosen.secret_key,
        };
        let (environment, secret_key) = self.make_environment(batch, organization, "first-start", new)?;
        Ok(Made {
            environment,
            secret_key,
            secret_key_chosen,
        })
    }
}
