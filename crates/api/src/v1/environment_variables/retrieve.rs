//! `GET /v1/environment-variables/{variableKey}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environment-variables/{variableKey}", "EnvironmentVariablesController_getEnvironmentVariable",
    "Retrieve an environment variable", run,
    .permit(Permission::EnvironmentRead, Category::Configuration)
    .answers::<view::EnvironmentVariableResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let variable = named(&call).await?;
    Reply::data(200, &view::one(call.store(), &call.ctx, &variable)?)
}
