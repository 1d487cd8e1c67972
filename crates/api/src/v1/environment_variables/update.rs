//! `PATCH /v1/environment-variables/{variableKey}`: values of other environments stay.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::environment_variables::{CHANGED, EXISTS};

use super::{VariableValue, key_rule, kind_rule, named, own_value, taken, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v1/environment-variables/{variableKey}", "EnvironmentVariablesController_updateEnvironmentVariable",
    "Update an environment variable", run,
    .permit(Permission::EnvironmentWrite, Category::Configuration)
    .takes::<UpdateEnvironmentVariable>()
    .answers::<view::EnvironmentVariableResponse>()
);

dto! {
    /// What to change of an environment variable.
    UpdateEnvironmentVariable {
        /// Another name.
        optional key: String = "key" [key_rule];
        optional kind: String = "type" [kind_rule];
        /// Makes it a secret; a secret stays one.
        optional is_secret: bool = "isSecret";
        /// Another value in the caller's environment.
        optional values: Vec<VariableValue> = "values" [rules::most(100)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateEnvironmentVariable = call.body()?;
    if body.key.is_none() && body.kind.is_none() && body.is_secret.is_none() && body.values.is_none() {
        return Err(Error::bad_request("At least one field must be provided to update"));
    }
    let store = call.store();
    let value = own_value(&call, &body.values.unwrap_or_default()).await?;
    for _ in 0..TRIES {
        let before = named(&call).await?;
        if before.is_secret && body.is_secret == Some(false) {
            return Err(Error::bad_request(
                "isSecret cannot be taken back, because that would show the secret values. Delete the variable and create \
                 it again.",
            ));
        }
        let key = body.key.as_ref().unwrap_or(&before.key);
        let mut after = before.clone();
        after.key.clone_from(key);
        after.is_secret = body.is_secret.unwrap_or(before.is_secret);
        let mut batch = Batch::new();
        let after = store.update_environment_variable(&mut batch, &call.ctx, &before, after, value.as_deref())?;
        let reply = Reply::data(200, &view::one(store, &call.ctx, &after)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(EXISTS) => return Err(taken(key)),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
