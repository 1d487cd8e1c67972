//! `GET /v1/inbox/channel-connections`.

use campanile_model::{Channel, Result};
use campanile_store::connections::ConnectionFilter;
use campanile_store::page::Page;

use super::{seen, view};
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::Route;
use crate::v1::channel_connections::mode::{ConnectionMode, owners};
use crate::v1::channels::{ChannelOrder, Named, given, known_provider, order};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/inbox/channel-connections", "InboxController_listChannelConnections",
    "List the subscriber's channel connections and those of their context", run,
    .subscriber()
    .takes_query::<ListInboxConnectionsQuery>()
    .answers_raw::<CursorPage<view::InboxConnectionResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListInboxConnectionsQuery {
        optional order_by: ChannelOrder = "orderBy";
        /// Only the subscriber's own, or only the shared ones.
        optional connection_mode: ConnectionMode = "connectionMode";
        optional channel: Channel = "channel";
        optional provider_id: String = "providerId" [known_provider];
        optional integration_identifier: String = "integrationIdentifier";
        optional connection_identifier: String = "connectionIdentifier";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListInboxConnectionsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(order(query.order_by))?;
    let session = call.session()?;
    let mut identifier = None;
    if let Some(named) = given(query.connection_identifier) {
        let Some(connection) = seen(&call, &named, query.connection_mode).await? else {
            return cursor_reply(&Page::<view::InboxConnectionResponse>::nothing());
        };
        identifier = Some(connection.identifier);
    }
    let filter = ConnectionFilter {
        owners: owners(Named::Known(session.subscriber), query.connection_mode),
        identifier,
        channel: query.channel,
        provider_id: given(query.provider_id),
        integration_identifier: given(query.integration_identifier),
        contexts: Some(session.contexts.stored()),
        status: None,
    };
    let page = call.store().list_connections(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(|row| view::one(&row)))
}
