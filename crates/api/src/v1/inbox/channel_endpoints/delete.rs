//! `DELETE /v1/inbox/channel-endpoints/{identifier}`: its connection stays.

use campanile_model::Result;
use campanile_store::Batch;
use campanile_store::endpoints::CHANGED;

use super::named;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(crate) const ROUTE: Route = route!(
    delete "/v1/inbox/channel-endpoints/{identifier}", "InboxController_deleteChannelEndpoint",
    "Delete one of the subscriber's channel endpoints", run,
    .subscriber()
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let endpoint = named(&call).await?;
    let mut batch = Batch::new();
    call.store().delete_endpoint(&mut batch, &call.ctx, endpoint.id);
    call.store()
        .audit(&mut batch, &call.ctx, "endpoint.delete", endpoint.id);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        // Somebody else deleted it a moment ago: it is gone, as was asked for.
        Err(error) if error.is_conflict(CHANGED) => Ok(reply),
        Err(error) => Err(error.into()),
    }
}
