//! `POST /v1/webhooks/endpoints/{webhookId}/deliveries/{deliveryId}/redrive`: sent again, with the same `webhook-id`. One
//! that waits for its next attempt is due at once.

use campanile_model::{Permission, Result};
use campanile_store::Batch;

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v1::webhooks::refuse_inactive;

pub(crate) const ROUTE: Route = route!(
    post "/v1/webhooks/endpoints/{webhookId}/deliveries/{deliveryId}/redrive", "WebhooksController_redriveDelivery", "Send a delivery again", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .answers::<view::WebhookDeliveryReference>()
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = super::super::named(&call).await?;
    let delivery = named(&call, endpoint.id).await?;
    refuse_inactive(&endpoint)?;
    let mut batch = Batch::new();
    call.app
        .engine()
        .redrive_webhooks(&mut batch, &call.ctx, endpoint.id, &[delivery.id]);
    call.store()
        .audit(&mut batch, &call.ctx, "webhook.redrive", delivery.id);
    let shown = view::WebhookDeliveryReference {
        delivery_id: delivery.id,
        event_id: delivery.change_id,
    };
    let reply = Reply::data(201, &shown)?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
