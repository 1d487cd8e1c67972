//! `POST /v1/environment-variables`. The official SDK accepts no status but 200.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::environment_variables::EXISTS;

use super::{VariableValue, key_rule, own_value, taken, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/environment-variables", "EnvironmentVariablesController_createEnvironmentVariable",
    "Create an environment variable", run,
    .status(200)
    .permit(Permission::EnvironmentWrite, Category::Configuration)
    .takes::<CreateEnvironmentVariable>()
    .answers::<view::EnvironmentVariableResponse>()
);

/// All of them are read for every template that is rendered after a change.
const MOST: usize = 500;

dto! {
    /// An environment variable to create.
    CreateEnvironmentVariable {
        /// The name in templates: `env.<key>`.
        required key: String = "key" [key_rule];
        /// Whether its values are masked in answers.
        optional is_secret: bool = "isSecret";
        /// The value in the caller's environment.
        optional values: Vec<VariableValue> = "values" [rules::most(100)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateEnvironmentVariable = call.body()?;
    let value = own_value(&call, &body.values.unwrap_or_default()).await?;
    let store = call.store();
    let known = store.environment_variables(&call.ctx).await?;
    if known.iter().any(|variable| variable.key == body.key) {
        return Err(taken(&body.key));
    }
    if known.len() >= MOST {
        return Err(Error::bad_request(format!(
            "Environment variables limit exceeded. Maximum allowed variables is {MOST}."
        )));
    }
    let mut batch = Batch::new();
    let secret = body.is_secret.unwrap_or(false);
    let made = store.create_environment_variable(&mut batch, &call.ctx, &body.key, secret, value.as_deref())?;
    let reply = Reply::data(200, &view::one(store, &call.ctx, &made)?)?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(EXISTS) => Err(taken(&body.key)),
        Err(error) => Err(error.into()),
    }
}
