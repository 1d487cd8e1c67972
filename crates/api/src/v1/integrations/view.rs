//! An integration in answers. Callers with an API key never see credentials: a leaked key must not leak the providers'
//! keys too. Lists hold an empty object in their place, which older clients want; other answers hold none.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Ctx, Id, Result, Time};
use campanile_store::Store;
use campanile_store::integrations::Integration;
use campanile_store::integrations::health::IntegrationHealth;
use serde_json::{Map, Value};

use crate::view;

view! {
    /// An integration.
    IntegrationResponse {
        id: Id = "_id";
        environment_id: Id = "_environmentId";
        organization_id: Id = "_organizationId";
        name: String = "name";
        identifier: String = "identifier";
        provider_id: String = "providerId";
        /// Not there for agents.
        channel: Option<Channel> = "channel";
        kind: &'static str = "kind";
        /// Empty in lists, and not there elsewhere: credentials are never shown to callers with an API key.
        credentials: Option<Map<String, Value>> = "credentials";
        configurations: Option<Map<String, Value>> = "configurations";
        active: bool = "active";
        deleted: bool = "deleted";
        primary: bool = "primary";
        /// Higher goes first; 0 where there is no order.
        priority: i64 = "priority";
        conditions: Vec<Value> = "conditions";
        /// In dev mode: whether messages stay in the outbox or are really sent.
        send: &'static str = "send";
        /// How its credentials stand, once there is something to tell. This member is Campanile's own.
        health: Option<IntegrationHealthResponse> = "health";
    }
}

view! {
    /// How an integration's credentials stand.
    IntegrationHealthResponse {
        status: HealthStatus = "status";
        /// Why the vendor does not take them, or will not for long.
        reason: Option<String> = "reason";
        since: Time = "since";
        /// When the app's secret ends, as `secretExpiresAt` among the credentials or configurations says.
        expires_at: Option<Time> = "expiresAt";
    }
}

fn health(
    store: &Store,
    integration: &Integration,
    known: &[IntegrationHealth],
) -> Result<Option<IntegrationHealthResponse>> {
    let known = known.iter().find(|one| one.integration_id == integration.id);
    let stands = campanile_connect::health::integration_stands(store, integration, known)?;
    Ok(stands.map(|stands| IntegrationHealthResponse {
        status: stands.status,
        reason: stands.reason,
        since: stands.since,
        expires_at: stands.expires_at,
    }))
}

/// The integration as one that was written.
pub(super) fn written(store: &Store, ctx: &Ctx, integration: &Integration) -> Result<IntegrationResponse> {
    let configurations = store.open_configurations(integration)?;
    Ok(IntegrationResponse {
        id: integration.id,
        environment_id: ctx.environment,
        organization_id: ctx.organization,
        name: integration.name.clone(),
        identifier: integration.identifier.clone(),
        provider_id: integration.provider_id.clone(),
        channel: integration.channel,
        kind: integration.kind.wire(),
        credentials: None,
        configurations: (!configurations.is_empty()).then_some(configurations),
        active: integration.active,
        deleted: false,
        primary: integration.primary,
        priority: integration.priority,
        conditions: integration.conditions.as_array().cloned().unwrap_or_default(),
        send: if integration.send_real { "real" } else { "outbox" },
        health: health(store, integration, &[])?,
    })
}

/// Integrations as lists show them.
pub(super) fn listed<'a>(
    store: &Store,
    ctx: &Ctx,
    integrations: impl IntoIterator<Item = &'a Integration>,
    known: &[IntegrationHealth],
) -> Result<Vec<IntegrationResponse>> {
    let shown = integrations.into_iter().map(|integration| {
        Ok(IntegrationResponse {
            credentials: Some(Map::new()),
            health: health(store, integration, known)?,
            ..written(store, ctx, integration)?
        })
    });
    shown.collect()
}
