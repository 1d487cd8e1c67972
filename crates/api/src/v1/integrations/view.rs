//! An integration in answers. Callers with an API key never see credentials: a leaked key must not leak the providers'
//! keys too. Lists hold an empty object in their place, which older clients want; other answers hold none.

use campanile_model::{Channel, Ctx, Id, Result};
use campanile_store::Store;
use campanile_store::integrations::Integration;
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
    }
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
    })
}

/// Integrations as lists show them.
pub(super) fn listed<'a>(
    store: &Store,
    ctx: &Ctx,
    integrations: impl IntoIterator<Item = &'a Integration>,
) -> Result<Vec<IntegrationResponse>> {
    let shown = integrations.into_iter().map(|integration| {
        Ok(IntegrationResponse {
            credentials: Some(Map::new()),
            ..written(store, ctx, integration)?
        })
    });
    shown.collect()
}
