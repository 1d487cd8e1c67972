//! `GET /v1/integrations`: all of the caller's environment, oldest first.

use campanile_model::{Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/integrations", "IntegrationsController_listIntegrations", "List all integrations", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .answers::<Vec<view::IntegrationResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let known = call.store().integrations_health(&call.ctx).await?;
    let all = call.store().integrations_all(&call.ctx).await?;
    Reply::data(200, &view::listed(call.store(), &call.ctx, &all, &known)?)
}
