//! The log of a webhook endpoint: what was sent to it, how it answered, and sending again.

mod list;
mod redrive;
mod redrive_failed;
mod retrieve;
pub(super) mod view;

use campanile_model::{Error, Id, Result};
use campanile_store::webhooks::WebhookDelivery;

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&list::ROUTE, &retrieve::ROUTE, &redrive::ROUTE, &redrive_failed::ROUTE];

/// The delivery that the path names, or a 404.
async fn named(call: &Call, endpoint: Id) -> Result<WebhookDelivery> {
    let name = call.parameter("deliveryId");
    let found = match name.parse() {
        Ok(id) => call.store().webhook_delivery(&call.ctx, endpoint, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Error::not_found(format!("Webhook delivery {name} not found")))
}

/// A kind that deliveries can have.
fn kind_rule(kind: &str) -> Option<String> {
    use campanile_model::changes;
    let kinds: Vec<String> = changes::kinds().chain([changes::TEST.to_owned()]).collect();
    let known = kind.is_empty() || kinds.iter().any(|one| one == kind);
    (!known).then(|| format!("must be one of the following values: {}", kinds.join(", ")))
}
