//! `GET /v1/environments/me`: the usual "is my key good" call.

use campanile_model::{Error, Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environments/me", "EnvironmentsControllerV1_getCurrentEnvironment", "The environment of this key", run,
    .permit(Permission::EnvironmentRead, Category::Configuration)
    .answers::<view::EnvironmentResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let environment = call.store().environment(&call.ctx, call.ctx.environment).await?;
    let environment = environment.ok_or_else(|| Error::not_found("Environment not found"))?;
    Reply::data(200, &view::environment(&environment, super::keys::shown(&call).await?))
}
