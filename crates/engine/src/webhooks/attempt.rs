//! Attempts of webhooks: read everything as it is now, call the receiver, write down what became of it.
//!
//! Between the call and the commit the process may die: then the lease runs out and the call is made again, with the
//! same webhook-id and the same body, by which receivers know a repetition. The log says so.

use std::time::{Duration, Instant};

use campanile_model::channel::DeliveryState;
use campanile_model::{Ctx, Time};
use campanile_providers::transport::is_loopback_url;
use campanile_providers::webhook::{WebhookRequest, interpret, prepare};
use campanile_providers::{Outcome, Request, Trust};
use campanile_store::outbox::Kept;
use campanile_store::tasks::{Again, Task};
use campanile_store::webhooks::{WebhookAttempt, WebhookAttempted, WebhookCall};
use campanile_store::{Batch, StoreError};
use serde_json::json;
use url::Url;

use crate::deliver::decide::{self, Before, Decision, Verdict};
use crate::deliver::jitter;
use crate::task::{WebhookV1, payload};
use crate::{Engine, Interrupted};

/// An endpoint that had nothing but failures for so long is disabled.
const FAILING: Duration = Duration::from_hours(5 * 24);
/// But not for the first hiccup after a quiet time: a delivery has failed so often by then, for about 20 minutes.
const TRIES: i64 = 6;

/// Makes an attempt of a claimed delivery.
pub(crate) async fn run(engine: &Engine, task: &Task, asked: &WebhookV1) -> Result<(), Interrupted> {
    let ctx = task.ctx();
    let store = engine.store();
    let read = match asked.delivery.parse() {
        Ok(id) => store.webhook_attempt(&ctx, id).await?,
        Err(_) => None,
    };
    // Its endpoint was deleted, or the result was written and the end of the task was not: nothing is left to do.
    let Some(attempt) = read.filter(|attempt| !attempt.state.is_final()) else {
        let mut batch = Batch::background();
        store.complete_task(&mut batch, task);
        store.commit(batch).await?;
        return Ok(());
    };
    let repeated = asked.repeated || task.claims > 1;
    if repeated {
        engine.metrics().repeated();
    }
    let mut batch = Batch::background();
    let made = make(engine, &ctx, asked, &attempt, repeated, &mut batch).await?;
    write_down(engine, &ctx, task, asked, &attempt, made, batch).await
}

/// Puts a task back for a while, because its receiver has its hands full.
pub(crate) async fn put_back(
    engine: &Engine,
    task: &Task,
    asked: &WebhookV1,
    wait: Duration,
) -> Result<(), Interrupted> {
    let mut batch = Batch::background();
    let asked = WebhookV1 {
        repeated: asked.repeated || task.claims > 1,
        ..asked.clone()
    };
    // Spread, so that those which left together do not come back together.
    let at = engine.store().now().plus(wait.mul_f64(1.0 + jitter()));
    engine
        .store()
        .reschedule_task(&mut batch, task, &Again::At(at), &payload(&asked));
    engine.store().commit(batch).await?;
    Ok(())
}

/// What an attempt came to.
struct Made {
    decision: Decision,
    error: Option<String>,
    /// The call, when there was one: only then it counts as an attempt.
    call: Option<WebhookCall>,
}

impl Made {
    fn uncalled(state: DeliveryState, error: &str) -> Self {
        Self {
            decision: Decision {
                state,
                ..decide::expired()
            },
            error: Some(error.to_owned()),
            call: None,
        }
    }
}

async fn make(
    engine: &Engine,
    ctx: &Ctx,
    asked: &WebhookV1,
    attempt: &WebhookAttempt,
    repeated: bool,
    batch: &mut Batch,
) -> Result<Made, Interrupted> {
    let store = engine.store();
    if !attempt.active {
        return Ok(Made::uncalled(
            DeliveryState::Rejected,
            "The webhook endpoint is not active.",
        ));
    }
    if store.now() >= attempt.expires_at {
        return Ok(Made::uncalled(DeliveryState::Expired, "The time for trying ran out."));
    }
    let url = store.webhook_attempt_url(attempt)?;
    let url = Url::parse(&url).map_err(|_| StoreError::Corrupt("a webhook's address is not a URL".to_owned()))?;
    let body = store.webhook_attempt_body(attempt)?;
    let request = prepare(&WebhookRequest {
        url: &url,
        id: &attempt.change_id.to_string(),
        timestamp: store.clock().real().millis() / 1000,
        body: &body,
        secrets: &store.webhook_attempt_secrets(attempt)?,
    });
    let started = Instant::now();
    let outcome = if engine.settings().outbox && !is_loopback_url(&url) {
        keep(engine, ctx, attempt, &body, &request, batch)
    } else {
        let response = engine.transport().send(&request, Trust::Customer).await;
        interpret(response).scrubbed(&request)
    };
    let decision = decide::decide(
        &outcome,
        Before {
            attempts: asked.tries,
            expires_at: attempt.expires_at,
            now: store.now(),
            jitter: jitter(),
        },
    );
    let mut call = store.webhook_call(started.elapsed(), repeated);
    describe(&mut call, &outcome);
    forget_link(&mut call, &body);
    Ok(Made {
        decision,
        error: call.error.clone(),
        call: Some(call),
    })
}

/// Takes down what the receiver said.
fn describe(call: &mut WebhookCall, outcome: &Outcome) {
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    match outcome {
        Outcome::Delivered { details, .. } | Outcome::Accepted { details, .. } => {
            call.status = details["status"].as_i64();
            call.response = shown(&details["response"]);
        }
        Outcome::Rejected(failure) | Outcome::RetryAt { failure, .. } | Outcome::Unknown(failure) => {
            call.status = failure.status.map(i64::from);
            call.error = Some(failure.message.clone());
            call.response = shown(&failure.details);
        }
    }
}

/// Some receivers repeat what they were sent. The link by which a connection is mended is a key, and not for the log.
fn forget_link(call: &mut WebhookCall, body: &str) {
    let sent: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let link = sent["data"]["reconnectUrl"].as_str().unwrap_or_default();
    let Some((_, token)) = link.rsplit_once('/').filter(|(_, token)| !token.is_empty()) else {
        return;
    };
    for text in [&mut call.response, &mut call.error].into_iter().flatten() {
        *text = text.replace(token, "***");
    }
}

/// Dev mode: the call stays here.
fn keep(
    engine: &Engine,
    ctx: &Ctx,
    attempt: &WebhookAttempt,
    body: &str,
    request: &Request,
    batch: &mut Batch,
) -> Outcome {
    let store = engine.store();
    let kept = Kept {
        id: store.new_id(),
        channel: "webhook".to_owned(),
        provider_id: "webhook".to_owned(),
        integration_identifier: attempt.endpoint_id.to_string(),
        subscriber_id: String::new(),
        recipient: json!({ "type": "webhook" }),
        content: body.to_owned(),
        request: request.redacted(),
        created_at: store.now(),
    };
    store.keep_in_outbox(batch, ctx, &kept);
    Outcome::Delivered {
        id: None,
        details: json!({ "response": format!("Dev mode kept this call in the outbox as {}.", kept.id) }),
    }
}

async fn write_down(
    engine: &Engine,
    ctx: &Ctx,
    task: &Task,
    asked: &WebhookV1,
    attempt: &WebhookAttempt,
    made: Made,
    mut batch: Batch,
) -> Result<(), Interrupted> {
    let store = engine.store();
    let Made { decision, error, call } = made;
    engine.metrics().attempted("webhook", decision.state.wire());
    if call.is_some() {
        judge(engine, ctx, asked, attempt, &decision, &mut batch);
    }
    let tries = asked.tries + i64::from(call.is_some());
    let after = WebhookAttempted {
        state: decision.state,
        next_attempt_at: decision.next,
        error,
        call,
    };
    store.update_webhook_delivery(&mut batch, ctx, attempt, &after);
    match decision.next {
        None => store.complete_task(&mut batch, task),
        Some(at) => {
            let again = WebhookV1 {
                tries,
                repeated: false,
                ..asked.clone()
            };
            store.reschedule_task(&mut batch, task, &Again::At(at), &payload(&again));
        }
    }
    store.commit(batch).await?;
    Ok(())
}

/// What an attempt says about the endpoint: well, failing, gone, or failing for too long.
fn judge(
    engine: &Engine,
    ctx: &Ctx,
    asked: &WebhookV1,
    attempt: &WebhookAttempt,
    decision: &Decision,
    batch: &mut Batch,
) {
    let store = engine.store();
    if decision.state.is_success() {
        return store.webhook_succeeded(batch, ctx, attempt);
    }
    store.webhook_failed(batch, ctx, attempt);
    if matches!(decision.health, Some(Verdict::Endpoint { .. })) {
        let reason = "The receiver answered that it is gone (status 410).";
        return store.disable_webhook(batch, ctx, attempt.endpoint_id, reason, Time::MAX);
    }
    let since = store.now().minus(FAILING);
    if asked.tries + 1 >= TRIES && attempt.failing_since.is_some_and(|failing| failing <= since) {
        let reason = "Every call has failed for five days.";
        store.disable_webhook(batch, ctx, attempt.endpoint_id, reason, since);
    }
}

#[cfg(test)]
mod tests {
    use campanile_model::Id;

    use super::*;

    #[test]
    fn what_a_receiver_repeats_mends_nothing() {
        let body =
            json!({ "data": { "identifier": "c1", "reconnectUrl": "https://n.example/connect/abc.def" } }).to_string();
        let call = |response: &str| WebhookCall {
            id: Id::from_bytes([1; 12]),
            status: Some(200),
            duration: 1,
            error: Some("It said abc.def.".to_owned()),
            response: Some(response.to_owned()),
            repeated: false,
            created_at: Time::MAX,
        };
        let mut repeated = call(&body);
        forget_link(&mut repeated, &body);
        let kept = format!("{repeated:?}");
        assert!(
            !kept.contains("abc.def") && kept.contains("https://n.example/connect/***"),
            "{kept}"
        );
        let mut other = call("ok");
        forget_link(&mut other, &json!({ "data": {} }).to_string());
        assert_eq!(other.response.as_deref(), Some("ok"));
    }
}
