//! Revocation of the tokens of deleted connections: asked for until the vendor has confirmed.
//!
//! A process that dies after the vendor has revoked leaves the row, and the next call is told that the token is worth
//! nothing, which is a confirmation too.

use std::time::Duration;

use campanile_model::Result;
use campanile_providers::Trust;
use campanile_providers::vendors::rotation::{
    Exchange, Revoked, exchange_answer, exchange_request, revoke_answer, revoke_request,
};
use campanile_store::grants::Tokens;
use campanile_store::grants::revocations::Revocation;

use super::decide;
use super::exchange::{clients, jitter, stays_here};
use crate::Connect;

const BATCH: usize = 20;
const IDLE: Duration = Duration::from_secs(5);
const BUSY: Duration = Duration::from_secs(1);
/// In dev mode the row waits for the day on which it may call.
const PUT_OFF: Duration = Duration::from_hours(1);
/// However often a vendor fails, it is asked once a day.
const DAY: Duration = Duration::from_hours(24);

/// One round.
pub(crate) async fn round(connect: Connect) -> Result<Duration> {
    let due = connect.store().due_revocations(BATCH).await?;
    if due.is_empty() {
        return Ok(IDLE);
    }
    for (revocation, tokens) in due {
        let result = one(&connect, &revocation, &tokens).await;
        if let Err(error) = result {
            tracing::error!(grant = %revocation.id, %error, "tokens could not be revoked; trying again");
        }
    }
    Ok(BUSY)
}

async fn one(connect: &Connect, revocation: &Revocation, tokens: &Tokens) -> Result<()> {
    let (store, provider) = (connect.store(), revocation.provider_id.as_str());
    let app = store.app_of_revocation(revocation).await?;
    if stays_here(connect, provider) && !app.as_ref().is_some_and(|app| app.send_real) {
        let at = store.now().plus(PUT_OFF);
        let why = "Dev mode keeps calls to the vendor from going out.";
        return Ok(store.repeat_revocation(revocation, at, why).await?);
    }
    let Some(request) = revoke_request(&connect.settings().bases, provider, &tokens.access_token) else {
        return Ok(store.confirm_revocation(revocation).await?);
    };
    let answer = revoke_answer(connect.transport().send(&request, Trust::Operator).await);
    match answer {
        Revoked::Confirmed => {
            connect.metrics().revoked(provider, "confirmed");
            store.confirm_revocation(revocation).await?;
        }
        Revoked::Expired => expired(connect, revocation, tokens).await?,
        Revoked::Later { after, message } => {
            connect.metrics().revoked(provider, "failed");
            again(connect, revocation, after, &request.scrub(&message)).await?;
        }
    }
    Ok(())
}

/// The refresh token outlives its access token, so it has to be exchanged once more. Should the answer be lost, the next
/// exchange is refused, and then nobody has a token any more.
async fn expired(connect: &Connect, revocation: &Revocation, tokens: &Tokens) -> Result<()> {
    let (store, provider) = (connect.store(), revocation.provider_id.as_str());
    let app = store.app_of_revocation(revocation).await?;
    let client = clients(app.as_slice()).into_iter().next();
    let Some((refresh_token, client)) = tokens.refresh_token.as_ref().zip(client) else {
        return Ok(store.confirm_revocation(revocation).await?);
    };
    let Some(request) = exchange_request(&connect.settings().bases, provider, &client, refresh_token) else {
        return Ok(store.confirm_revocation(revocation).await?);
    };
    let sent = connect.transport().send(&request, Trust::Operator).await;
    let answer = exchange_answer(provider, sent, &[refresh_token, &client.secret]);
    match answer {
        Exchange::Renewed(issued) => {
            let new = decide::renewed(tokens, &issued, store.now());
            store
                .replace_buried_tokens(revocation.id, Some(revocation.generation), &new)
                .await?;
        }
        Exchange::Refused { .. } => store.confirm_revocation(revocation).await?,
        Exchange::App(trouble) => again(connect, revocation, None, &trouble.message).await?,
        Exchange::Later { after, trouble, .. } => again(connect, revocation, after, &trouble.message).await?,
    }
    Ok(())
}

async fn again(connect: &Connect, revocation: &Revocation, after: Option<Duration>, why: &str) -> Result<()> {
    let wait = decide::wait(revocation.attempts, after, jitter());
    // After a day of failures once a day is enough.
    let wait = if revocation.attempts > 50 { DAY } else { wait };
    let at = connect.store().now().plus(wait);
    Ok(connect.store().repeat_revocation(revocation, at, why).await?)
}
