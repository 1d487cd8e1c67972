//! `DELETE /v1/subscribers/{subscriberId}/credentials/{providerId}`: at all integrations of the provider.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::subscribers::CHANGED;

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/subscribers/{subscriberId}/credentials/{providerId}",
    "SubscribersV1Controller_deleteSubscriberCredentials", "Delete a subscriber's channel credentials", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let id = call.parameter("subscriberId");
    let missing = || Error::not_found(format!("Subscriber with id {id} was not found"));
    let subscriber = call.store().subscriber(&call.ctx, id).await?.ok_or_else(missing)?;
    let mut batch = Batch::new();
    call.store()
        .delete_channels(&mut batch, &call.ctx, subscriber.id, call.parameter("providerId"));
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
