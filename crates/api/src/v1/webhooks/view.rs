//! A webhook endpoint in answers.

use campanile_model::{Id, Result, Time};
use campanile_providers::webhook::PREFIX;
use campanile_store::Store;
use campanile_store::webhooks::WebhookEndpoint;

use crate::shape::Nullable;
use crate::view;

view! {
    /// A webhook endpoint.
    WebhookEndpointResponse {
        id: Id = "_id";
        url: String = "url";
        description: Nullable<String> = "description";
        /// Kinds such as `connection.revoked`, or `connection.*`; all of them when the list is empty.
        events: Vec<String> = "events";
        active: bool = "active";
        /// What signs; shown in full when the endpoint is created and by its own route.
        secret: String = "secret";
        /// Since when every call has failed.
        failing_since: Nullable<Time> = "failingSince";
        last_success_at: Nullable<Time> = "lastSuccessAt";
        /// When it was disabled because of its failures.
        disabled_at: Nullable<Time> = "disabledAt";
        disabled_reason: Nullable<String> = "disabledReason";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// The secret of a webhook endpoint.
    WebhookSecretResponse {
        secret: String = "secret";
        /// Until when the secret before this one signs too.
        previous_until: Option<Time> = "previousUntil";
    }
}

/// The endpoint, its address in full and its secret masked.
pub(super) fn masked(store: &Store, endpoint: &WebhookEndpoint) -> Result<WebhookEndpointResponse> {
    Ok(WebhookEndpointResponse {
        id: endpoint.id,
        url: store.webhook_url(endpoint)?,
        description: Nullable(endpoint.description.clone()),
        events: endpoint.events.clone(),
        active: endpoint.active,
        secret: format!("{PREFIX}********"),
        failing_since: Nullable(endpoint.failing_since),
        last_success_at: Nullable(endpoint.last_success_at),
        disabled_at: Nullable(endpoint.disabled_at),
        disabled_reason: Nullable(endpoint.disabled_reason.clone()),
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
    })
}
