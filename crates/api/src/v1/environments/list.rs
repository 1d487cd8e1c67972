//! `GET /v1/environments`: the organization's environments, keys only of the caller's own.

use campanile_model::{Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environments", "EnvironmentsControllerV1_listMyEnvironments", "List environments", run,
    .permit(Permission::EnvironmentRead, Category::Configuration)
    .answers::<Vec<view::EnvironmentResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let environments = call.store().environments(&call.ctx).await?;
    let own = super::keys::shown(&call).await?;
    let views: Vec<_> = environments
        .iter()
        .map(|environment| {
            let keys = if environment.id == call.ctx.environment {
                own.clone()
            } else {
                Vec::new()
            };
            view::environment(environment, keys)
        })
        .collect();
    Reply::data(200, &views)
}
