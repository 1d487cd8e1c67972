//! `GET /v1/channel-endpoints`.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Permission, Result};
use campanile_store::endpoints::EndpointFilter;
use campanile_store::page::Page;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::shape::Many;
use crate::v1::channels::{ChannelOrder, Named, context_filter, given, known_provider, named_subscriber, order};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/channel-endpoints", "ChannelEndpointsController_listChannelEndpoints", "List all channel endpoints", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .takes_query::<ListChannelEndpointsQuery>()
    .answers_raw::<CursorPage<view::ChannelEndpointResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListChannelEndpointsQuery {
        optional order_by: ChannelOrder = "orderBy";
        optional subscriber_id: String = "subscriberId";
        optional channel: Channel = "channel";
        optional provider_id: String = "providerId" [known_provider];
        optional integration_identifier: String = "integrationIdentifier";
        optional connection_identifier: String = "connectionIdentifier";
        /// Exactly this set of contexts; empty for those without any.
        optional context_keys: Many<String> = "contextKeys";
        /// How the endpoint stands.
        optional health_status: HealthStatus = "healthStatus";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListChannelEndpointsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(order(query.order_by))?;
    let subscriber = match named_subscriber(call.store(), &call.ctx, query.subscriber_id).await? {
        Named::Absent => None,
        Named::Known(id) => Some(id),
        Named::Unknown => return cursor_reply(&Page::<view::ChannelEndpointResponse>::nothing()),
    };
    let filter = EndpointFilter {
        subscriber,
        channel: query.channel,
        provider_id: given(query.provider_id),
        integration_identifier: given(query.integration_identifier),
        connection_identifier: given(query.connection_identifier),
        contexts: context_filter(query.context_keys),
        status: query.health_status,
    };
    let page = call.store().list_endpoints(&call.ctx, &filter, &cursor).await?;
    let rows = view::read(&call, &page.rows).await?;
    cursor_reply(&Page {
        rows,
        next: page.next,
        previous: page.previous,
        total: page.total,
        capped: page.capped,
    })
}
