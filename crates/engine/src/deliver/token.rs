//! The token that an attempt is made with: the stored one as long as it is good, else a newer one.

use campanile_connect::rotation::{Need, Renewal, fresh_token, is_due};
use campanile_model::{Ctx, Time};
use campanile_providers::{Failure, Health, Level, Outcome};
use campanile_store::deliveries::Attempt;

use crate::{Engine, Interrupted};

/// What an attempt can do now.
pub(super) enum Ready {
    /// Call with this.
    Send(Token),
    /// Nothing can be sent before this time.
    Wait(Time),
    /// Nothing can be sent before the customer reconnects.
    Dead,
}

/// What a call is made with.
#[derive(Default)]
pub(super) struct Token {
    /// Nothing where the address needs none.
    pub(super) text: Option<String>,
    /// The generation, where it is newer than the one that was read with the attempt.
    pub(super) generation: Option<i64>,
}

/// The attempt's token, renewed first when it ends soon. Nothing but the clock is asked as long as it does not.
pub(super) async fn ready(engine: &Engine, ctx: &Ctx, attempt: &Attempt) -> Result<Ready, Interrupted> {
    let Some(grant) = &attempt.grant else {
        return Ok(Ready::Send(Token::default()));
    };
    let (tokens, now) = (engine.store().attempt_tokens(grant)?, engine.store().now());
    let stored = Token {
        text: Some(tokens.access_token.clone()).filter(|token| !token.is_empty()),
        generation: None,
    };
    if !is_due(&tokens, now) {
        return Ok(Ready::Send(stored));
    }
    let renewal = fresh_token(engine.connect(), ctx, grant.id, grant.generation, Need::Due).await;
    let renewal = renewal.map_err(Interrupted::Failed)?;
    // What cannot be renewed now is used for as long as it is good.
    let is_good = tokens.ends_at().is_none_or(|end| end > engine.store().now());
    Ok(match ready_after(renewal, now) {
        Some(Ready::Wait(_)) if is_good => Ready::Send(stored),
        Some(ready) => ready,
        None => Ready::Send(stored),
    })
}

/// A newer token after the vendor said that the one that was used has ended.
pub(super) async fn renew(engine: &Engine, ctx: &Ctx, attempt: &Attempt, used: &Token) -> Result<Ready, Interrupted> {
    let Some(grant) = &attempt.grant else {
        return Ok(Ready::Dead);
    };
    let generation = used.generation.unwrap_or(grant.generation);
    let renewal = fresh_token(engine.connect(), ctx, grant.id, generation, Need::Due).await;
    let renewal = renewal.map_err(Interrupted::Failed)?;
    Ok(ready_after(renewal, engine.store().now()).unwrap_or(Ready::Dead))
}

/// What a renewal leaves to do; nothing when there is nothing to renew with.
fn ready_after(renewal: Renewal, now: Time) -> Option<Ready> {
    Some(match renewal {
        Renewal::Token {
            generation,
            access_token,
        } => Ready::Send(Token {
            text: Some(access_token),
            generation: Some(generation),
        }),
        // The next attempt reads what has become of the endpoint.
        Renewal::Busy | Renewal::Gone => Ready::Wait(now),
        Renewal::Later { until, .. } | Renewal::Unusable { until, .. } => Ready::Wait(until),
        Renewal::Dead { .. } => Ready::Dead,
        Renewal::Unrenewable => return None,
    })
}

/// Whether a call was refused because its access token has ended.
pub(super) fn has_ended(outcome: &Outcome) -> bool {
    outcome
        .failure()
        .is_some_and(|failure| failure.level == Level::Grant && failure.code == "token_expired")
}

/// The same failure, when nothing but a new consent helps.
pub(super) fn cannot_be_renewed(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::RetryAt { failure, .. } | Outcome::Rejected(failure) | Outcome::Unknown(failure) => {
            Outcome::Rejected(Failure {
                message: "The access token has ended and cannot be renewed (`token_expired`). It must be reconnected."
                    .to_owned(),
                health: Some(Health::NeedsReauth),
                ..failure
            })
        }
        other => other,
    }
}
