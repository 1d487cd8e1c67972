//! `GET /v1/webhooks/endpoints/{webhookId}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/webhooks/endpoints/{webhookId}", "WebhooksController_getEndpoint", "Retrieve a webhook endpoint", run,
    .permit(Permission::WebhookRead, Category::Configuration)
    .answers::<view::WebhookEndpointResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = named(&call).await?;
    Reply::data(200, &view::masked(call.store(), &endpoint)?)
}
