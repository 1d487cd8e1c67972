//! `DELETE /v1/events/trigger/{transactionId}`: what waits of an event does not happen. False when nothing waited, also
//! when there is no such event.

use campanile_model::{Permission, Result};

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/events/trigger/{transactionId}", "EventsController_cancel", "Cancel a triggered event", run,
    .permit(Permission::EventWrite, Category::Trigger)
    .answers::<bool>()
);

async fn run(call: Call) -> Result<Reply> {
    let canceled = call
        .app
        .engine()
        .cancel(&call.ctx, call.parameter("transactionId"))
        .await?;
    Reply::data(200, &canceled)
}
