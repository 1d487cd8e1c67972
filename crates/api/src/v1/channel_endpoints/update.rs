//! `PATCH /v1/channel-endpoints/{identifier}`: the address is replaced as a whole, in the form of the stored type.

use campanile_connect::links::unique;
use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::endpoints::lost_race;
use serde_json::Value;

use super::{address, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v1/channel-endpoints/{identifier}", "ChannelEndpointsController_updateChannelEndpoint", "Update a channel endpoint", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<UpdateChannelEndpoint>()
    .answers::<view::ChannelEndpointResponse>()
);

dto! {
    /// Where the endpoint is from now on.
    UpdateChannelEndpoint {
        /// The place, in the form of the endpoint's type.
        required endpoint: Value = "endpoint";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateChannelEndpoint = call.body()?;
    let identifier = call.parameter("identifier");
    let store = call.store();
    for _ in 0..TRIES {
        let read = store.endpoint(&call.ctx, identifier).await?.ok_or_else(|| {
            Error::not_found(format!(
                "Channel endpoint with identifier \"{identifier}\" not found in environment \"{}\"",
                call.ctx.environment
            ))
        })?;
        let address = address::read(&read.kind, &body.endpoint).map_err(Error::bad_request)?;
        let unique = unique(&read.kind, &address, read.subscriber);
        if let Some(unique) = &unique
            && let Some(existing) = store
                .endpoint_with_address(&call.ctx, read.integration_id, unique)
                .await?
            && existing != read.identifier
        {
            let subscriber = read.subscriber_id.as_deref().unwrap_or_default();
            let integration = &read.integration_identifier;
            return Err(address::taken(&read.kind, subscriber, integration, &existing));
        }
        let mut batch = Batch::new();
        let endpoint = store.update_endpoint(&mut batch, &call.ctx, &read, &address, unique.as_deref())?;
        store.audit(&mut batch, &call.ctx, "endpoint.update", endpoint.id);
        let reply = Reply::data(200, &view::one(store, &endpoint)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
