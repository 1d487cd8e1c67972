//! `GET /v1/integrations/active`: those that are used.

use campanile_model::{Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/integrations/active", "IntegrationsController_getActiveIntegrations", "List active integrations", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .answers::<Vec<view::IntegrationResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let known = call.store().integrations_health(&call.ctx).await?;
    let all = call.store().integrations_all(&call.ctx).await?;
    let active = all.iter().filter(|integration| integration.active);
    Reply::data(200, &view::listed(call.store(), &call.ctx, active, &known)?)
}
