//! `PATCH /v1/subscribers/{subscriberId}/online-status`: going offline keeps the time.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::subscribers::CHANGED;

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v2::subscribers::view;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v1/subscribers/{subscriberId}/online-status", "SubscribersV1Controller_updateSubscriberOnlineFlag",
    "Update a subscriber's online status", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<OnlineStatus>()
    .answers::<view::SubscriberResponse>()
);

dto! {
    /// Whether the subscriber has a session open.
    OnlineStatus {
        required is_online: bool = "isOnline";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: OnlineStatus = call.body()?;
    let missing = || Error::not_found("Subscriber not found");
    let store = call.store();
    let read = store.subscriber(&call.ctx, call.parameter("subscriberId")).await?;
    let mut batch = Batch::new();
    let subscriber = store.set_online(&mut batch, &call.ctx, read.ok_or_else(missing)?, body.is_online);
    let reply = Reply::data(200, &view::one(store, &call.ctx, &subscriber).await?)?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
