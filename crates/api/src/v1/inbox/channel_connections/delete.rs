//! `DELETE /v1/inbox/channel-connections/{identifier}`.

use campanile_model::Result;
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::{check_may_change_shared, named};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;
use crate::v1::channels::{TRIES, too_contended};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/inbox/channel-connections/{identifier}", "InboxController_deleteChannelConnection",
    "Delete one of the subscriber's channel connections", run,
    .subscriber()
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    for _ in 0..TRIES {
        let connection = named(&call, None).await?;
        if connection.subscriber.is_none() {
            check_may_change_shared(&call, connection.integration_id).await?;
        }
        let mut batch = Batch::new();
        call.store().delete_connection(&mut batch, &call.ctx, &connection);
        call.store()
            .audit(&mut batch, &call.ctx, "connection.delete", connection.id);
        let reply = Reply::empty();
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
