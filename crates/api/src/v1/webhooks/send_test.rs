//! `POST /v1/webhooks/endpoints/{webhookId}/test`: an event of the kind `webhook.test` for this endpoint alone.

use campanile_model::{Permission, Result};
use campanile_store::Batch;

use super::deliveries::view;
use super::{named, refuse_inactive};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/webhooks/endpoints/{webhookId}/test", "WebhooksController_sendTest", "Send a test event to a webhook endpoint", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .answers::<view::WebhookDeliveryReference>()
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = named(&call).await?;
    refuse_inactive(&endpoint)?;
    let mut batch = Batch::new();
    let (delivery_id, event_id) = call.app.engine().test_webhook(&mut batch, &call.ctx, endpoint.id)?;
    let reply = Reply::data(201, &view::WebhookDeliveryReference { delivery_id, event_id })?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
