//! A subscriber's connections, and those that they share with others in their contexts.

pub(super) mod delete;
pub(super) mod list;
pub(super) mod retrieve;
pub(super) mod view;

use campanile_model::{Error, Id, Result};
use campanile_store::connections::Connection;

use super::session::is_on;
use crate::call::Call;
use crate::v1::channel_connections::mode::ConnectionMode;

/// The connection that a session means by this identifier, of the mode if one is asked for.
pub(super) async fn seen(call: &Call, identifier: &str, mode: Option<ConnectionMode>) -> Result<Option<Connection>> {
    let session = call.session()?;
    let found = call.store().connection(&call.ctx, identifier).await?;
    Ok(found.filter(|connection| {
        let is_of_mode = match mode {
            None => true,
            Some(ConnectionMode::Shared) => connection.subscriber.is_none(),
            Some(ConnectionMode::Subscriber) => connection.subscriber.is_some(),
        };
        is_of_mode && session.sees(connection)
    }))
}

/// The connection that the path names, or a 404.
async fn named(call: &Call, mode: Option<ConnectionMode>) -> Result<Connection> {
    let identifier = call.parameter("identifier");
    seen(call, identifier, mode)
        .await?
        .ok_or_else(|| Error::not_found(format!("Channel connection with identifier '{identifier}' not found")))
}

/// Refuses what would change a shared connection of this integration for everybody in the contexts, unless somebody
/// vouches for the session's contexts: anybody may begin a session in any context where nobody asks for HMAC.
pub(super) async fn check_may_change_shared(call: &Call, integration: Id) -> Result<()> {
    if call.session()?.context_verified || call.app.settings().dev {
        return Ok(());
    }
    let found = call.store().integration_by_id(&call.ctx, integration).await?;
    let mut identifier = String::new();
    if let Some(integration) = found {
        if is_on(&call.store().open_credentials(&integration)?, "allowUnverifiedShared") {
            return Ok(());
        }
        identifier = integration.identifier;
    }
    Err(Error::forbidden(format!(
        "A shared connection is changed only from a session whose context is verified. Begin the session with a \
         contextHash, or set the credential allowUnverifiedShared of integration \"{identifier}\" to true."
    )))
}
