//! `GET /v1/webhooks/endpoints/{webhookId}/secret`, and `POST …/secret/rotate`: a new secret, beside which the old one
//! signs for a day, so that receivers can be changed one after the other.

use campanile_model::{Permission, Result};
use campanile_providers::webhook;
use campanile_store::secrets::random_bytes;
use campanile_store::webhooks::CHANGED;
use campanile_store::{Batch, StoreError};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v1::channels::{TRIES, too_contended};

pub(crate) const GET: Route = route!(
    get "/v1/webhooks/endpoints/{webhookId}/secret", "WebhooksController_getSecret", "Retrieve the secret of a webhook endpoint", get,
    .permit(Permission::WebhookRead, Category::Configuration)
    .answers::<view::WebhookSecretResponse>()
);

pub(crate) const ROTATE: Route = route!(
    post "/v1/webhooks/endpoints/{webhookId}/secret/rotate", "WebhooksController_rotateSecret", "Replace the secret of a webhook endpoint", rotate,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .answers::<view::WebhookSecretResponse>()
);

/// A new secret.
pub(super) fn make() -> Result<String, StoreError> {
    Ok(webhook::secret(&random_bytes(32)?))
}

async fn get(call: Call) -> Result<Reply> {
    let endpoint = named(&call).await?;
    let shown = view::WebhookSecretResponse {
        secret: call.store().webhook_secret(&endpoint)?,
        previous_until: call.store().previous_secret_until(&endpoint),
    };
    Reply::data(200, &shown)
}

async fn rotate(call: Call) -> Result<Reply> {
    let store = call.store();
    for _ in 0..TRIES {
        let read = named(&call).await?;
        let (mut batch, secret) = (Batch::new(), make()?);
        let until = store.rotate_webhook_secret(&mut batch, &call.ctx, &read, &secret)?;
        let shown = view::WebhookSecretResponse {
            secret,
            previous_until: Some(until),
        };
        let reply = Reply::data(201, &shown)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
