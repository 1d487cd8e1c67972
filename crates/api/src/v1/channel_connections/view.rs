//! A connection in answers.

use campanile_connect::hosted;
use campanile_model::{Channel, Result, Time};
use campanile_store::connections::Connection;

use super::mask::masked;
use crate::ConnectionTokens;
use crate::call::Call;
use crate::shape::Nullable;
use crate::v1::channels::ChannelHealthResponse;
use crate::view;

view! {
    /// A channel connection.
    ChannelConnectionResponse {
        identifier: String = "identifier";
        channel: Nullable<Channel> = "channel";
        provider_id: Nullable<String> = "providerId";
        integration_identifier: Nullable<String> = "integrationIdentifier";
        /// Whose it is; null when it is shared.
        subscriber_id: Nullable<String> = "subscriberId";
        context_keys: Vec<String> = "contextKeys";
        workspace: ConnectionWorkspaceResponse = "workspace";
        auth: ConnectionAuthResponse = "auth";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        health: Option<ChannelHealthResponse> = "health";
    }
}

view! {
    /// The vendor's workspace, tenant or organisation.
    ConnectionWorkspaceResponse {
        id: String = "id";
        name: Option<String> = "name";
    }
}

view! {
    /// The tokens, masked where the configuration says so.
    ConnectionAuthResponse {
        access_token: String = "accessToken";
        refresh_token: Option<String> = "refreshToken";
        expires_at: Option<String> = "expiresAt";
        refresh_token_expires_at: Option<String> = "refreshTokenExpiresAt";
    }
}

/// One connection, read or written by itself.
pub(super) fn one(call: &Call, connection: &Connection) -> Result<ChannelConnectionResponse> {
    let shows = call.app.settings().connection_tokens != ConnectionTokens::Masked;
    of(call, connection, shows)
}

/// A connection among others.
pub(super) fn listed(call: &Call, connection: &Connection) -> Result<ChannelConnectionResponse> {
    let shows = call.app.settings().connection_tokens == ConnectionTokens::Full;
    of(call, connection, shows)
}

fn of(call: &Call, connection: &Connection, shows_tokens: bool) -> Result<ChannelConnectionResponse> {
    let tokens = call.store().open_tokens(&connection.grant)?;
    let shown = |token: &String| if shows_tokens { token.clone() } else { masked(token) };
    let grant = &connection.grant;
    Ok(ChannelConnectionResponse {
        identifier: connection.identifier.clone(),
        channel: Nullable(connection.channel),
        provider_id: Nullable(Some(connection.provider_id.clone())),
        integration_identifier: Nullable(Some(connection.integration_identifier.clone())),
        subscriber_id: Nullable(connection.subscriber_id.clone()),
        context_keys: connection.contexts.keys().to_vec(),
        workspace: ConnectionWorkspaceResponse {
            id: connection.workspace.id.clone(),
            name: connection.workspace.name.clone(),
        },
        auth: ConnectionAuthResponse {
            access_token: shown(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_ref().map(shown),
            expires_at: tokens.expires_at,
            refresh_token_expires_at: tokens.refresh_token_expires_at,
        },
        created_at: connection.created_at,
        updated_at: connection.updated_at,
        health: Some(ChannelHealthResponse {
            status: grant.status,
            reason: grant.reason.clone(),
            since: grant.since,
            last_success_at: grant.last_success_at,
            last_error: grant.last_error.clone(),
            expires_at: grant.expires_at,
            scopes: grant.scopes.clone(),
            missing_scopes: grant.missing_scopes.clone(),
            reconnect_url: hosted::reconnect_url(call.app.connect(), &call.ctx, connection).map(String::from),
        }),
    })
}
