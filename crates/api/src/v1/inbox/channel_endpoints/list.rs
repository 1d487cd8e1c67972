//! `GET /v1/inbox/channel-endpoints`.

use campanile_model::{Channel, Result};
use campanile_store::endpoints::EndpointFilter;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::Route;
use crate::v1::channels::{ChannelOrder, given, known_provider, order};
use crate::v1::inbox::channel_connections::seen;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/inbox/channel-endpoints", "InboxController_listChannelEndpoints",
    "List the subscriber's channel endpoints", run,
    .subscriber()
    .takes_query::<ListInboxEndpointsQuery>()
    .answers_raw::<CursorPage<view::InboxEndpointResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListInboxEndpointsQuery {
        optional order_by: ChannelOrder = "orderBy";
        optional channel: Channel = "channel";
        optional provider_id: String = "providerId" [known_provider];
        optional integration_identifier: String = "integrationIdentifier";
        optional connection_identifier: String = "connectionIdentifier";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListInboxEndpointsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(order(query.order_by))?;
    let session = call.session()?;
    let mut connection_identifier = given(query.connection_identifier);
    if let Some(named) = &connection_identifier
        && let Some(connection) = seen(&call, named, None).await?
    {
        // Endpoints keep the connection's own identifier, whatever the session calls it.
        connection_identifier = Some(connection.identifier);
    }
    let filter = EndpointFilter {
        subscriber: Some(session.subscriber),
        channel: query.channel,
        provider_id: given(query.provider_id),
        integration_identifier: given(query.integration_identifier),
        connection_identifier,
        contexts: Some(session.contexts.stored()),
        status: None,
    };
    let page = call.store().list_endpoints(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(|row| view::one(&row)))
}
