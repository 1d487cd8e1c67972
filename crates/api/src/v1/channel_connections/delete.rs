//! `DELETE /v1/channel-connections/{identifier}`: its endpoints stay, and turn `broken`. Tokens that a caller posted are
//! theirs: nothing is revoked at the vendor.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::connections::lost_race;

use super::named;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v1::channels::{TRIES, too_contended};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/channel-connections/{identifier}", "ChannelConnectionsController_deleteChannelConnection", "Delete a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    for _ in 0..TRIES {
        let connection = named(&call, '\'').await?;
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
