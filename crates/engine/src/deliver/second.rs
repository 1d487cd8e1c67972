//! A second call within one attempt, where the refusal of the first says how it would have worked: nothing was sent
//! by then.

use campanile_connect::app_tokens::{Audience, forget_msteams, msteams};
use campanile_providers::Outcome;
use campanile_providers::chat::{Address, ChatDelivery, moved_to, prepare, send};

use crate::Engine;

/// The outcome of the second call if there is one, else that of the first; and where the place is now, if it was moved.
pub(super) async fn call(engine: &Engine, first: &ChatDelivery<'_>, outcome: Outcome) -> (Outcome, Option<Address>) {
    let Outcome::Rejected(failure) = &outcome else {
        return (outcome, None);
    };
    if failure.code == "MSTEAMS_INVALID_CREDENTIALS" {
        return (with_another_token(engine, first).await.unwrap_or(outcome), None);
    }
    let Some(address) = moved_to(failure) else {
        return (outcome, None);
    };
    let moved = ChatDelivery {
        address: &address,
        ..*first
    };
    match again(engine, &moved).await {
        // The old address never works again: the new one stays even when this call failed for now.
        Some(second) => (second, Some(address)),
        None => (outcome, None),
    }
}

/// The kept token may have been taken back at Microsoft: another one is asked for, once.
async fn with_another_token(engine: &Engine, first: &ChatDelivery<'_>) -> Option<Outcome> {
    let (connect, refused) = (engine.connect(), first.token?);
    forget_msteams(connect, first.credentials, Audience::Bot, None, refused).await;
    let token = msteams(connect, first.credentials, Audience::Bot, None).await.ok()?;
    let second = ChatDelivery {
        token: Some(&token),
        ..*first
    };
    if token == refused {
        return None;
    }
    again(engine, &second).await
}

async fn again(engine: &Engine, delivery: &ChatDelivery<'_>) -> Option<Outcome> {
    let prepared = prepare(delivery).ok()?;
    Some(send(engine.transport(), delivery.provider_id, delivery.address, &prepared).await)
}
