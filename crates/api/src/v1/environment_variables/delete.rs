//! `DELETE /v1/environment-variables/{variableKey}`: with its values in all environments.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::environment_variables::CHANGED;

use super::{missing, named};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/environment-variables/{variableKey}", "EnvironmentVariablesController_deleteEnvironmentVariable",
    "Delete an environment variable", run,
    .permit(Permission::EnvironmentWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let variable = named(&call).await?;
    let mut batch = Batch::new();
    call.store()
        .delete_environment_variable(&mut batch, &call.ctx, variable.id);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing(&variable.key)),
        Err(error) => Err(error.into()),
    }
}
