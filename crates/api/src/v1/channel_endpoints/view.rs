//! An endpoint in answers.

use campanile_connect::hosted;
use campanile_model::{Channel, Result, Time};
use campanile_store::Store;
use campanile_store::endpoints::Endpoint;
use serde_json::Value;

use crate::call::Call;
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

/// Endpoints as they are read, with the links that mend their connections.
pub(super) async fn read(call: &Call, endpoints: &[Endpoint]) -> Result<Vec<ChannelEndpointResponse>> {
    let links = hosted::reconnect_urls(call.app.connect(), &call.ctx, endpoints).await?;
    let shown = endpoints.iter().map(|endpoint| {
        let mut shown = one(call.store(), endpoint)?;
        if let Some(health) = &mut shown.health {
            health.reconnect_url = links.get(&endpoint.id).map(|url| url.as_str().to_owned());
        }
        Ok(shown)
    });
    shown.collect()
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
