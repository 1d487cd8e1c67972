//! `DELETE /v2/subscribers/{subscriberId}`: with everything that is only about them.

use campanile_model::{Error, Permission, Result};
use campanile_store::subscribers::CHANGED;
use campanile_store::{Batch, connections};
use serde_json::json;

use super::profile::{TRIES, too_contended};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/subscribers/{subscriberId}", "SubscribersController_removeSubscriber", "Delete a subscriber", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
);

async fn run(call: Call) -> Result<Reply> {
    let id = call.parameter("subscriberId");
    let missing = || Error::not_found("Subscriber was not found").with("externalSubscriberId", id);
    for _ in 0..TRIES {
        let subscriber = call.store().subscriber(&call.ctx, id).await?.ok_or_else(missing)?;
        let connections = call.store().connections_of(&call.ctx, subscriber.id).await?;
        let mut batch = Batch::new();
        call.store()
            .delete_connections_of(&mut batch, &call.ctx, &subscriber, &connections);
        call.store().delete_subscriber(&mut batch, &call.ctx, subscriber.id);
        call.store()
            .audit(&mut batch, &call.ctx, "subscriber.delete", subscriber.id);
        let reply = Reply::data(200, &json!({ "acknowledged": true, "status": "deleted" }))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) || connections::lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
