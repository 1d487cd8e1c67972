//! What delivering through the bot of MS Teams takes besides the address: the customer's tenant, and the bot's token,
//! which is our user's own and not the customer's (channels.md 5.2).

use campanile_connect::app_tokens::{Audience, msteams};
use campanile_model::Ctx;
use campanile_providers::chat::Address;
use campanile_providers::transport::is_loopback_url;
use campanile_providers::{Failure, Level, Outcome};
use campanile_store::StoreError;
use campanile_store::deliveries::Attempt;
use campanile_store::integrations::Integration;
use serde_json::Value;

use super::Posting;
use crate::Engine;

/// The bot as it speaks in a tenant.
pub(super) struct Bot {
    pub(super) token: String,
    pub(super) tenant: String,
}

/// Whether an address is reached by the bot without a connection. One that names a connection needs it all the same:
/// when it is gone, so is the customer's consent.
pub(super) fn needs_no_connection(attempt: &Attempt, address: &Address) -> bool {
    let named = attempt
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.connection_identifier.is_some());
    is_teams(address) && !named
}

/// Whether the bot of MS Teams delivers to it.
pub(crate) fn is_teams(address: &Address) -> bool {
    matches!(address, Address::MsTeamsChannel { .. } | Address::MsTeamsUser { .. })
}

/// The bot for an address of MS Teams; nothing for any other. What fails here fails this delivery only.
pub(super) async fn bot(engine: &Engine, posting: &Posting<'_>) -> Result<Option<Bot>, Outcome> {
    if !is_teams(posting.address) {
        return Ok(None);
    }
    let of_address = match posting.address {
        Address::MsTeamsUser { tenant_id, .. } => tenant_id.as_deref(),
        _ => None,
    };
    let Some(tenant) = [posting.workspace, of_address]
        .into_iter()
        .flatten()
        .find(|id| !id.is_empty())
    else {
        let message = format!(
            "MS Teams endpoint {} requires a connection or endpoint tenant ID",
            posting.endpoint
        );
        return Err(Outcome::Rejected(Failure::new(
            Level::Endpoint,
            "tenant_missing",
            message,
        )));
    };
    match token(engine, posting.integration, posting.credentials).await {
        Ok(token) => Ok(Some(Bot {
            token,
            tenant: tenant.to_owned(),
        })),
        Err(failure) if failure.level == Level::Network => Err(Outcome::RetryAt { after: None, failure }),
        Err(failure) => Err(Outcome::Rejected(failure)),
    }
}

/// Where the bot was told to speak in that tenant, when an activity came from there. Addresses differ by region.
pub(super) async fn service_url(
    engine: &Engine,
    ctx: &Ctx,
    posting: &Posting<'_>,
    bot: Option<&Bot>,
) -> Result<Option<String>, StoreError> {
    let client_id = posting.credentials["clientId"].as_str().map(str::trim);
    match (bot, client_id) {
        (Some(bot), Some(client_id)) => engine.store().teams_service_url(ctx, client_id, &bot.tenant).await,
        _ => Ok(None),
    }
}

async fn token(engine: &Engine, integration: &Integration, credentials: &Value) -> Result<String, Failure> {
    let filled = |name: &str| credentials[name].as_str().is_some_and(|text| !text.trim().is_empty());
    if !["clientId", "secretKey", "tenantId"].into_iter().all(filled) {
        let message = format!(
            "Integration {} missing required MS Teams credentials",
            integration.identifier
        );
        return Err(Failure::new(Level::Integration, "msteams_credentials_missing", message));
    }
    let login = engine.connect().settings().bases.get("msteams/login");
    if engine.settings().outbox && !integration.send_real && !login.is_some_and(is_loopback_url) {
        // Dev mode: nothing leaves this machine, Microsoft's login included, and the message is only shown.
        return Ok("dev-mode".to_owned());
    }
    msteams(engine.connect(), credentials, Audience::Bot, None).await
}
