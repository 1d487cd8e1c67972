//! `GET /v1/inbox/channel-endpoints/{identifier}`.

use campanile_model::Result;

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(crate) const ROUTE: Route = route!(
    get "/v1/inbox/channel-endpoints/{identifier}", "InboxController_getChannelEndpoint",
    "Retrieve one of the subscriber's channel endpoints", run,
    .subscriber()
    .answers::<view::InboxEndpointResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    Reply::data(200, &view::one(&named(&call).await?))
}
