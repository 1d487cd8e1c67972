//! `POST /v1/subscribers/{subscriberId}/inbox-sessions/revoke`: ends every inbox session that the subscriber has in this
//! environment. Novu has no such route; its sessions last until they end by themselves.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::subscribers::CHANGED;

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/subscribers/{subscriberId}/inbox-sessions/revoke", "SubscribersV1Controller_revokeInboxSessions",
    "End all inbox sessions of a subscriber", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let id = call.parameter("subscriberId");
    let missing = || Error::not_found(format!("Subscriber not found: {id}"));
    let store = call.store();
    let subscriber = store.subscriber(&call.ctx, id).await?.ok_or_else(missing)?;
    let mut batch = Batch::new();
    store.end_sessions(&mut batch, &call.ctx, &subscriber);
    store.audit(&mut batch, &call.ctx, "subscriber.revoke_sessions", subscriber.id);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
