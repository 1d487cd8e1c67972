//! `POST /v1/channel-connections/{identifier}/check`: asks the vendor now how the connection stands.

use campanile_connect::health;
use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-connections/{identifier}/check", "", "Ask the vendor how a channel connection stands", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(200)
    .answers::<view::ChannelConnectionResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let connection = named(&call, '\'').await?;
    health::check(call.app.connect(), &call.ctx, &connection).await?;
    let connection = named(&call, '\'').await?;
    Reply::data(200, &view::one(&call, &connection)?)
}
