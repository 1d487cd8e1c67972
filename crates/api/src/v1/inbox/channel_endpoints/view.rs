//! An endpoint as subscribers see it. Its address is left out: an unverified session is anybody's, and some addresses
//! are secrets.

use campanile_model::{Channel, Time};
use campanile_store::endpoints::Endpoint;

use crate::shape::Nullable;
use crate::v1::inbox::channel_connections::view::InboxHealthResponse;
use crate::view;

view! {
    /// A channel endpoint, without its address.
    InboxEndpointResponse {
        identifier: String = "identifier";
        kind: String = "type";
        channel: Nullable<Channel> = "channel";
        provider_id: String = "providerId";
        integration_identifier: String = "integrationIdentifier";
        connection_identifier: Nullable<String> = "connectionIdentifier";
        subscriber_id: Nullable<String> = "subscriberId";
        context_keys: Vec<String> = "contextKeys";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        health: InboxHealthResponse = "health";
    }
}

pub(super) fn one(endpoint: &Endpoint) -> InboxEndpointResponse {
    InboxEndpointResponse {
        identifier: endpoint.identifier.clone(),
        kind: endpoint.kind.clone(),
        channel: Nullable(endpoint.channel),
        provider_id: endpoint.provider_id.clone(),
        integration_identifier: endpoint.integration_identifier.clone(),
        connection_identifier: Nullable(endpoint.connection_identifier.clone()),
        subscriber_id: Nullable(endpoint.subscriber_id.clone()),
        context_keys: endpoint.contexts.keys().to_vec(),
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
        health: InboxHealthResponse {
            status: endpoint.status,
            reason: endpoint.reason.clone(),
            since: endpoint.since,
        },
    }
}
