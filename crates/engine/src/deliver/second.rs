//! A second call within one attempt, where the refusal of the first says how it would have worked: nothing was sent
//! by then.

use campanile_connect::app_tokens::{Audience, forget_msteams, msteams};
use campanile_model::Ctx;
use campanile_providers::Outcome;
use campanile_providers::chat::{ChatDelivery, moved_to, prepare, send};
use campanile_store::Batch;
use campanile_store::deliveries::Attempt;

use crate::{Engine, Interrupted};

/// The outcome of the second call if there is one, else that of the first.
pub(super) async fn call(
    engine: &Engine,
    ctx: &Ctx,
    attempt: &Attempt,
    first: &ChatDelivery<'_>,
    outcome: Outcome,
    batch: &mut Batch,
) -> Result<Outcome, Interrupted> {
    let Outcome::Rejected(failure) = &outcome else {
        return Ok(outcome);
    };
    if failure.code == "MSTEAMS_INVALID_CREDENTIALS" {
        return Ok(with_another_token(engine, first).await.unwrap_or(outcome));
    }
    let Some(address) = moved_to(failure) else {
        return Ok(outcome);
    };
    let moved = ChatDelivery {
        address: &address,
        ..*first
    };
    let Some(second) = again(engine, &moved).await else {
        return Ok(outcome);
    };
    // The old address never works again, so that the new one is kept even when this call failed for now.
    if !attempt.has_own_address() {
        engine
            .store()
            .move_attempt_endpoint(batch, ctx, attempt, &address.to_json())?;
    }
    Ok(second)
}

/// The kept token may have been taken back at Microsoft: another one is asked for, once.
async fn with_another_token(engine: &Engine, first: &ChatDelivery<'_>) -> Option<Outcome> {
    let (connect, refused) = (engine.connect(), first.token?);
    forget_msteams(connect, first.credentials, Audience::Bot, None, refused).await;
    let token = msteams(connect, first.credentials, Audience::Bot, None).await.ok()?;
    if token == refused {
        return None;
    }
    let second = ChatDelivery {
        token: Some(&token),
        ..*first
    };
    again(engine, &second).await
}

async fn again(engine: &Engine, delivery: &ChatDelivery<'_>) -> Option<Outcome> {
    let prepared = prepare(delivery).ok()?;
    Some(send(engine.transport(), delivery.provider_id, delivery.address, &prepared).await)
}
