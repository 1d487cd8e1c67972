//! `GET /v1/channel-connections/{identifier}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/channel-connections/{identifier}", "ChannelConnectionsController_getChannelConnectionByIdentifier", "Retrieve a channel connection", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .answers::<view::ChannelConnectionResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let connection = named(&call, '\'').await?;
    Reply::data(200, &view::one(&call, &connection)?)
}
