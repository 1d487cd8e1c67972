//! `GET /v1/channel-endpoints/{identifier}`.

use campanile_model::{Error, Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/channel-endpoints/{identifier}", "ChannelEndpointsController_getChannelEndpoint", "Retrieve a channel endpoint", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .answers::<view::ChannelEndpointResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let identifier = call.parameter("identifier");
    let endpoint = call
        .store()
        .endpoint(&call.ctx, identifier)
        .await?
        .ok_or_else(|| Error::not_found(format!("Channel endpoint with identifier '{identifier}' not found")))?;
    let shown = view::read(&call, std::slice::from_ref(&endpoint)).await?;
    Reply::data(200, &shown.first())
}
