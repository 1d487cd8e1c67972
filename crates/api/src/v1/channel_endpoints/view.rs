//! An endpoint in answers.

use campanile_model::{Channel, Result, Time};
use campanile_store::Store;
use campanile_store::endpoints::Endpoint;
use serde_json::Value;

use crate::shape::Nullable;
use crate::v1::channels::ChannelHealthResponse;
use crate::view;

view! {
    /// A channel endpoint.
    ChannelEndpointResponse {
        identifier: String = "identifier";
        channel: Nullable<Channel> = "channel";
        provider_id: Nullable<String> = "providerId";
        integration_identifier: Nullable<String> = "integrationIdentifier";
        /// Also shown when the connection is gone.
        connection_identifier: Nullable<String> = "connectionIdentifier";
        subscriber_id: Nullable<String> = "subscriberId";
        context_keys: Vec<String> = "contextKeys";
        kind: String = "type";
        endpoint: Value = "endpoint";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        health: Option<ChannelHealthResponse> = "health";
    }
}

/// The endpoint, its address in full.
pub(super) fn one(store: &Store, endpoint: &Endpoint) -> Result<ChannelEndpointResponse> {
    Ok(ChannelEndpointResponse {
        identifier: endpoint.identifier.clone(),
        channel: Nullable(endpoint.channel),
        provider_id: Nullable(Some(endpoint.provider_id.clone())),
        integration_identifier: Nullable(Some(endpoint.integration_identifier.clone())),
        connection_identifier: Nullable(endpoint.connection_identifier.clone()),
        subscriber_id: Nullable(endpoint.subscriber_id.clone()),
        context_keys: endpoint.contexts.keys().to_vec(),
        kind: endpoint.kind.clone(),
        endpoint: store.open_address(endpoint)?,
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
        health: Some(ChannelHealthResponse {
            status: endpoint.status,
            reason: endpoint.reason.clone(),
            since: endpoint.since,
            last_success_at: endpoint.last_success_at,
            last_error: endpoint.last_error.clone(),
            expires_at: None,
            scopes: None,
            missing_scopes: None,
            reconnect_url: None,
        }),
    })
}
