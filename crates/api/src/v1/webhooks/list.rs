//! `GET /v1/webhooks/endpoints`: newest first, paged by cursor.

use campanile_model::{Permission, Result};
use campanile_store::page::{Order, Page};

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/webhooks/endpoints", "WebhooksController_listEndpoints", "List all webhook endpoints", run,
    .permit(Permission::WebhookRead, Category::Configuration)
    .takes_query::<CursorQuery>()
    .answers_raw::<CursorPage<view::WebhookEndpointResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let cursor = call.query::<CursorQuery>()?.cursor(Order::Id)?;
    let page = call.store().list_webhooks(&call.ctx, &cursor).await?;
    let rows: Result<Vec<_>> = page.rows.iter().map(|row| view::masked(call.store(), row)).collect();
    cursor_reply(&Page {
        rows: rows?,
        next: page.next,
        previous: page.previous,
        total: page.total,
        capped: page.capped,
    })
}
