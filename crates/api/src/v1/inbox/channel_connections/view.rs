//! A connection as subscribers see it: where it leads and how it stands, never its tokens.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Time};
use campanile_store::connections::Connection;

use crate::shape::Nullable;
use crate::view;

view! {
    /// A channel connection, without its tokens.
    InboxConnectionResponse {
        identifier: String = "identifier";
        channel: Nullable<Channel> = "channel";
        provider_id: String = "providerId";
        integration_identifier: String = "integrationIdentifier";
        /// Whose it is; null when it is shared.
        subscriber_id: Nullable<String> = "subscriberId";
        context_keys: Vec<String> = "contextKeys";
        workspace: InboxWorkspaceResponse = "workspace";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        health: InboxHealthResponse = "health";
    }
}

view! {
    /// The vendor's workspace, tenant or organisation.
    InboxWorkspaceResponse {
        id: String = "id";
        name: Option<String> = "name";
    }
}

view! {
    /// How a connection or an endpoint stands. This member is Campanile's own.
    InboxHealthResponse {
        status: HealthStatus = "status";
        /// Why it does not work.
        reason: Option<String> = "reason";
        since: Time = "since";
    }
}

view! {
    /// One connection, twice: the official client reads this answer without its envelope, and others with it.
    InboxConnectionTwice {
        data: InboxConnectionResponse = "data";
        identifier: String = "identifier";
        channel: Nullable<Channel> = "channel";
        provider_id: String = "providerId";
        integration_identifier: String = "integrationIdentifier";
        subscriber_id: Nullable<String> = "subscriberId";
        context_keys: Vec<String> = "contextKeys";
        workspace: InboxWorkspaceResponse = "workspace";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        health: InboxHealthResponse = "health";
    }
}

pub(super) fn one(connection: &Connection) -> InboxConnectionResponse {
    InboxConnectionResponse {
        identifier: connection.identifier.clone(),
        channel: Nullable(connection.channel),
        provider_id: connection.provider_id.clone(),
        integration_identifier: connection.integration_identifier.clone(),
        subscriber_id: Nullable(connection.subscriber_id.clone()),
        context_keys: connection.contexts.keys().to_vec(),
        workspace: InboxWorkspaceResponse {
            id: connection.workspace.id.clone(),
            name: connection.workspace.name.clone(),
        },
        created_at: connection.created_at,
        updated_at: connection.updated_at,
        health: InboxHealthResponse {
            status: connection.grant.status,
            reason: connection.grant.reason.clone(),
            since: connection.grant.since,
        },
    }
}

pub(super) fn twice(connection: &Connection) -> InboxConnectionTwice {
    let again = one(connection);
    InboxConnectionTwice {
        data: one(connection),
        identifier: again.identifier,
        channel: again.channel,
        provider_id: again.provider_id,
        integration_identifier: again.integration_identifier,
        subscriber_id: again.subscriber_id,
        context_keys: again.context_keys,
        workspace: again.workspace,
        created_at: again.created_at,
        updated_at: again.updated_at,
        health: again.health,
    }
}
