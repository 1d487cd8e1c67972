//! `GET /v1/webhooks/endpoints/{webhookId}/deliveries/{deliveryId}`: with what was sent and every answer.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/webhooks/endpoints/{webhookId}/deliveries/{deliveryId}", "WebhooksController_getDelivery", "Retrieve a delivery of a webhook endpoint", run,
    .permit(Permission::WebhookRead, Category::Configuration)
    .answers::<view::WebhookDeliveryResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = super::super::named(&call).await?;
    let delivery = named(&call, endpoint.id).await?;
    let calls = call.store().webhook_calls(&call.ctx, delivery.id).await?;
    let body = call.store().webhook_delivery_body(&delivery)?;
    let shown = view::WebhookDeliveryResponse {
        payload: body.and_then(|body| serde_json::from_str(&body).ok()),
        calls: Some(calls.into_iter().map(view::call).collect()),
        ..view::delivery(delivery)
    };
    Reply::data(200, &shown)
}
