//! Outbound webhooks: who is told of changes. These routes are Campanile's own.

mod create;
mod delete;
pub(crate) mod deliveries;
mod list;
mod retrieve;
mod secret;
mod send_test;
mod settings;
mod update;
mod view;

use campanile_model::{Error, Result};
use campanile_store::webhooks::WebhookEndpoint;

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &secret::GET,
    &secret::ROTATE,
    &send_test::ROUTE,
];

/// The webhook endpoint that the path names, or a 404.
async fn named(call: &Call) -> Result<WebhookEndpoint> {
    let found = match call.parameter("webhookId").parse() {
        Ok(id) => call.store().webhook(&call.ctx, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| missing(call))
}

fn missing(call: &Call) -> Error {
    Error::not_found(format!("Webhook endpoint {} not found", call.parameter("webhookId")))
}

/// Refuses what would only fail: nothing is sent to an endpoint that is not active.
fn refuse_inactive(endpoint: &WebhookEndpoint) -> Result<()> {
    if endpoint.active {
        return Ok(());
    }
    Err(Error::bad_request(
        "The webhook endpoint is not active. Switch it on first, by a PATCH with active: true.",
    ))
}
