//! `GET /v1/inbox/channel-connections/{identifier}`: the official buttons take a 404 for "not connected", and read the
//! identifier that they disconnect from beside the envelope.

use campanile_model::Result;

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::channel_connections::mode::ConnectionMode;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/inbox/channel-connections/{identifier}", "InboxController_getChannelConnection",
    "Retrieve one of the subscriber's channel connections", run,
    .subscriber()
    .takes_query::<RetrieveConnectionQuery>()
    .answers_raw::<view::InboxConnectionTwice>()
);

dto! {
    /// Which connection is meant.
    RetrieveConnectionQuery {
        /// Only the subscriber's own, or only a shared one.
        optional connection_mode: ConnectionMode = "connectionMode";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: RetrieveConnectionQuery = call.query()?;
    let connection = named(&call, query.connection_mode).await?;
    Reply::raw(200, &view::twice(&connection))
}
