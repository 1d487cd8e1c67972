//! `DELETE /v1/channel-endpoints/{identifier}`: its connection stays.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::endpoints::CHANGED;

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/channel-endpoints/{identifier}", "ChannelEndpointsController_deleteChannelEndpoint", "Delete a channel endpoint", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let identifier = call.parameter("identifier");
    let missing = || Error::not_found(format!("Channel endpoint with identifier '{identifier}' not found"));
    let endpoint = call
        .store()
        .endpoint(&call.ctx, identifier)
        .await?
        .ok_or_else(missing)?;
    let mut batch = Batch::new();
    call.store().delete_endpoint(&mut batch, &call.ctx, endpoint.id);
    call.store()
        .audit(&mut batch, &call.ctx, "endpoint.delete", endpoint.id);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
