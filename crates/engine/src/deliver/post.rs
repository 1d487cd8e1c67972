//! One message to one address, now: built, sent or kept in dev mode's outbox, and the answer read. Deliveries and test
//! messages share it.

use campanile_model::{Ctx, Id};
use campanile_providers::Outcome;
use campanile_providers::chat::{Address, ChatDelivery, Prepared, prepare, send};
use campanile_providers::transport::is_loopback_url;
use campanile_store::integrations::Integration;
use campanile_store::outbox::Kept;
use campanile_store::{Batch, StoreError};
use serde_json::{Value, json};

use super::{second, teams};
use crate::Engine;

/// What is sent where.
pub(crate) struct Posting<'a> {
    pub(crate) integration: &'a Integration,
    pub(crate) credentials: &'a Value,
    pub(crate) provider_id: &'a str,
    pub(crate) address: &'a Address,
    /// The connection's token, for addresses that need one.
    pub(crate) token: Option<&'a str>,
    /// The vendor's id of the connection's workspace or tenant.
    pub(crate) workspace: Option<&'a str>,
    /// The endpoint's identifier, for sentences; empty when the address is nobody's endpoint.
    pub(crate) endpoint: &'a str,
    pub(crate) text: &'a str,
    pub(crate) overrides: &'a Value,
    pub(crate) custom_data: &'a Value,
    /// What the vendor is told to know a repetition by.
    pub(crate) delivery_id: Id,
    /// Whom it is for, when it is for somebody.
    pub(crate) subscriber: Option<Id>,
}

/// What became of it.
pub(crate) struct Posted {
    pub(crate) outcome: Outcome,
    /// Whether a provider was called, or would have been.
    pub(crate) called: bool,
    /// Whether the outbox has it instead of the provider.
    pub(crate) kept: bool,
    /// The address to use from now on, when the provider has moved the place.
    pub(crate) moved: Option<Address>,
}

/// Sends. What the outbox keeps is added to `batch`.
pub(crate) async fn post(
    engine: &Engine,
    ctx: &Ctx,
    posting: &Posting<'_>,
    batch: &mut Batch,
) -> Result<Posted, StoreError> {
    let uncalled = |outcome| Posted {
        outcome,
        called: false,
        kept: false,
        moved: None,
    };
    let bot = match teams::bot(engine, posting).await {
        Ok(bot) => bot,
        Err(outcome) => {
            return Ok(Posted {
                // Asking for the bot's token was a call: counted, the next one comes later each time.
                called: matches!(outcome, Outcome::RetryAt { .. }),
                ..uncalled(outcome)
            });
        }
    };
    let delivery_id = posting.delivery_id.to_string();
    let delivery = ChatDelivery {
        provider_id: posting.provider_id,
        address: posting.address,
        token: bot.as_ref().map(|bot| bot.token.as_str()).or(posting.token),
        tenant: bot.as_ref().map(|bot| bot.tenant.as_str()),
        service_url: bot.as_ref().and_then(|bot| bot.service_url.as_deref()),
        text: posting.text,
        overrides: posting.overrides,
        custom_data: posting.custom_data,
        credentials: posting.credentials,
        delivery_id: &delivery_id,
        bases: &engine.connect().settings().bases,
    };
    let prepared = match prepare(&delivery) {
        Ok(prepared) => prepared,
        Err(failure) => return Ok(uncalled(Outcome::Rejected(failure))),
    };
    if engine.settings().outbox && !posting.integration.send_real && !is_loopback_url(&prepared.request.url) {
        return Ok(Posted {
            called: true,
            kept: true,
            ..uncalled(keep(engine, ctx, posting, &prepared, batch).await?)
        });
    }
    let first = send(engine.transport(), posting.provider_id, posting.address, &prepared).await;
    let (outcome, moved) = second::call(engine, &delivery, first).await;
    Ok(Posted {
        called: true,
        moved,
        ..uncalled(outcome)
    })
}

/// Dev mode: the message stays here.
async fn keep(
    engine: &Engine,
    ctx: &Ctx,
    posting: &Posting<'_>,
    prepared: &Prepared,
    batch: &mut Batch,
) -> Result<Outcome, StoreError> {
    let store = engine.store();
    let subscriber = match posting.subscriber {
        Some(id) => store.subscribers_by_id(ctx, vec![id]).await?,
        None => Vec::new(),
    };
    let address = prepared.request.scrub_json(&posting.address.to_json());
    let kept = Kept {
        id: store.new_id(),
        channel: "chat".to_owned(),
        provider_id: posting.provider_id.to_owned(),
        integration_identifier: posting.integration.identifier.clone(),
        subscriber_id: subscriber
            .first()
            .map(|one| one.subscriber_id.clone())
            .unwrap_or_default(),
        recipient: json!({ "type": posting.address.kind(), "endpoint": address }),
        content: posting.text.to_owned(),
        request: prepared.request.redacted(),
        created_at: store.now(),
    };
    store.keep_in_outbox(batch, ctx, &kept);
    Ok(Outcome::Delivered {
        id: Some(format!("outbox:{}", kept.id)),
        details: json!({ "outbox": kept.id }),
    })
}
