//! A subscriber's own endpoints.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod link;
pub(super) mod list;
pub(super) mod oauth;
pub(super) mod retrieve;
mod view;

use campanile_model::{Error, Result};
use campanile_store::endpoints::Endpoint;

use crate::call::Call;

/// The endpoint that the path names, or a 404.
async fn named(call: &Call) -> Result<Endpoint> {
    let session = call.session()?;
    let identifier = call.parameter("identifier");
    let found = call.store().endpoint(&call.ctx, identifier).await?;
    found
        .filter(|endpoint| endpoint.subscriber == session.subscriber && endpoint.contexts == session.contexts)
        .ok_or_else(|| Error::not_found(format!("Channel endpoint with identifier '{identifier}' not found")))
}
