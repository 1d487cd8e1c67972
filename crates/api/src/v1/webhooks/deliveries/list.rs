//! `GET /v1/webhooks/endpoints/{webhookId}/deliveries`: newest first, paged by cursor.

use campanile_model::{Permission, Result};
use campanile_store::page::{Cursor, Order};
use campanile_store::webhooks::DeliveryFilter;

use super::{kind_rule, view};
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/webhooks/endpoints/{webhookId}/deliveries", "WebhooksController_listDeliveries", "List the deliveries of a webhook endpoint", run,
    .permit(Permission::WebhookRead, Category::Configuration)
    .takes_query::<ListWebhookDeliveriesQuery>()
    .answers_raw::<CursorPage<view::WebhookDeliveryResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListWebhookDeliveriesQuery {
        /// How the delivery stands.
        optional status: view::Status = "status";
        /// The kind of the event.
        optional event: String = "event" [kind_rule];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListWebhookDeliveriesQuery = call.query()?;
    // Sorted by id only, which is by time: the other orders would need an index each on a table that grows all the time.
    let cursor = Cursor {
        order: Order::Id,
        ..call.query::<CursorQuery>()?.cursor(Order::Id)?
    };
    let endpoint = super::super::named(&call).await?;
    let filter = DeliveryFilter {
        states: query.status.map(view::Status::states).unwrap_or_default(),
        kind: query.event.filter(|kind| !kind.is_empty()),
    };
    let page = call
        .store()
        .list_webhook_deliveries(&call.ctx, endpoint.id, &filter, &cursor)
        .await?;
    cursor_reply(&page.map(view::delivery))
}
