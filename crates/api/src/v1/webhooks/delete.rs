//! `DELETE /v1/webhooks/endpoints/{webhookId}`: what is on its way to it is not sent any more.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::webhooks::CHANGED;

use super::{missing, named};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/webhooks/endpoints/{webhookId}", "WebhooksController_deleteEndpoint", "Delete a webhook endpoint", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = named(&call).await?;
    let mut batch = Batch::new();
    call.store().delete_webhook(&mut batch, &call.ctx, endpoint.id);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing(&call)),
        Err(error) => Err(error.into()),
    }
}
