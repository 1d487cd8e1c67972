//! `GET /v1/channel-connections`.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Permission, Result};
use campanile_store::connections::ConnectionFilter;
use campanile_store::page::Page;

use super::mode::{ConnectionMode, owners};
use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::shape::Many;
use crate::v1::channels::{ChannelOrder, context_filter, given, known_provider, named_subscriber, order};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/channel-connections", "ChannelConnectionsController_listChannelConnections", "List all channel connections", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .takes_query::<ListChannelConnectionsQuery>()
    .answers_raw::<CursorPage<view::ChannelConnectionResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListChannelConnectionsQuery {
        optional order_by: ChannelOrder = "orderBy";
        /// This subscriber's connections and the shared ones.
        optional subscriber_id: String = "subscriberId";
        /// With subscriberId: only the subscriber's own, or only the shared ones.
        optional connection_mode: ConnectionMode = "connectionMode";
        optional channel: Channel = "channel";
        optional provider_id: String = "providerId" [known_provider];
        optional integration_identifier: String = "integrationIdentifier";
        /// Exactly this set of contexts; empty for those without any.
        optional context_keys: Many<String> = "contextKeys";
        /// How the connection stands.
        optional health_status: HealthStatus = "healthStatus";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListChannelConnectionsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(order(query.order_by))?;
    let subscriber = named_subscriber(call.store(), &call.ctx, query.subscriber_id).await?;
    let filter = ConnectionFilter {
        owners: owners(subscriber, query.connection_mode),
        identifier: None,
        channel: query.channel,
        provider_id: given(query.provider_id),
        integration_identifier: given(query.integration_identifier),
        contexts: context_filter(query.context_keys),
        status: query.health_status,
    };
    let page = call.store().list_connections(&call.ctx, &filter, &cursor).await?;
    let rows: Result<Vec<_>> = page.rows.iter().map(|row| view::listed(&call, row)).collect();
    cursor_reply(&Page {
        rows: rows?,
        next: page.next,
        previous: page.previous,
        total: page.total,
        capped: page.capped,
    })
}
