//! A subscriber's connections, and those that they share with others in their contexts.

pub(super) mod delete;
pub(super) mod list;
pub(super) mod oauth;
pub(super) mod retrieve;
pub(super) mod view;

use campanile_model::{Error, Result};
use campanile_store::connections::Connection;
use campanile_store::connections::aliases::Whose;

use crate::call::Call;
use crate::v1::channel_connections::mode::ConnectionMode;

/// The connection that a session means by this identifier or alias, of the mode if one is asked for.
pub(super) async fn seen(call: &Call, identifier: &str, mode: Option<ConnectionMode>) -> Result<Option<Connection>> {
    let session = call.session()?;
    let whose = match mode {
        None => Whose::Either(session.subscriber),
        Some(ConnectionMode::Shared) => Whose::Shared,
        Some(ConnectionMode::Subscriber) => Whose::Own(session.subscriber),
    };
    let found = call
        .store()
        .connection_in_session(&call.ctx, identifier, whose, &session.contexts)
        .await?;
    Ok(found)
}

/// The connection that the path names, or a 404.
async fn named(call: &Call, mode: Option<ConnectionMode>) -> Result<Connection> {
    let identifier = call.parameter("identifier");
    seen(call, identifier, mode)
        .await?
        .ok_or_else(|| Error::not_found(format!("Channel connection with identifier '{identifier}' not found")))
}
