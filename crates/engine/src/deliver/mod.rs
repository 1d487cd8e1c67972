//! Attempts of deliveries: read everything as it is now, call the provider, write down what became of it.
//!
//! Between the call and the commit the process may die: then the lease runs out, the delivery is attempted again, and
//! a trace says that it may arrive twice.

mod backoff;
pub(crate) mod decide;
mod files;
pub(crate) mod integrations;
mod post;
mod second;
mod teams;
mod token;
mod unsupported;

use campanile_model::channel::{DeliveryState, HealthStatus, JobReason, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, Time};
use campanile_providers::chat::Address;
use campanile_providers::{Failure, Level, Outcome};
use campanile_store::Batch;
use campanile_store::deliveries::{Attempt, AttemptGrant, Attempted};
use campanile_store::notifications::Settled;
use campanile_store::tasks::{Again, NewTask, Task};
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use crate::preferences::Voice;
use crate::task::{ADVANCE, AdvanceV1, DeliverV1, payload};
use crate::wishes::{self, Chosen, Wish};
use crate::{Engine, Interrupted};
use decide::{Before, Decision};
use token::Ready;

pub(crate) use decide::{Verdict, verdict};
pub(crate) use post::{Posted, Posting, post};
pub(crate) use teams::is_teams;

/// Makes an attempt of a claimed delivery; `attempt` is its row as it was read, or nothing when its message is gone.
pub(crate) async fn run(
    engine: &Engine,
    task: &Task,
    asked: &DeliverV1,
    attempt: Option<Attempt>,
) -> Result<(), Interrupted> {
    let ctx = task.ctx();
    let Some(attempt) = attempt else {
        return message_deleted(engine, &ctx, task, asked).await;
    };
    if attempt.state.is_final() {
        // The result was written, the end of the task was not: nothing is left to do.
        let mut batch = Batch::background();
        engine.store().complete_task(&mut batch, task);
        engine.store().commit(batch).await?;
        return Ok(());
    }
    let mut batch = Batch::background();
    let interrupted = task.claims > 1;
    if interrupted {
        engine.metrics().repeated();
        let trace = NewTrace::new(Detail::DeliveryRepeated, TraceStatus::Warning).provider(&attempt.provider_id);
        engine.store().trace(
            &mut batch,
            &ctx,
            attempt.notification_id,
            attempt.position,
            trace.retry(true),
        );
    }
    if attempt.state == DeliveryState::Held && attempt.expires_at > engine.store().now() && !is_dead(&attempt) {
        let trace = NewTrace::new(Detail::DeliveryReleased, TraceStatus::Pending).provider(&attempt.provider_id);
        engine
            .store()
            .trace(&mut batch, &ctx, attempt.notification_id, attempt.position, trace);
    }
    let result = call(engine, &ctx, &attempt, &mut batch).await?;
    write_down(engine, &ctx, task, asked, &attempt, result, batch).await
}

/// What an attempt came to.
struct Made {
    decision: Decision,
    /// What was learned, for the trace and the delivery.
    outcome: Option<Outcome>,
    /// Whether a provider was called: only then it counts as an attempt.
    called: bool,
    kept: bool,
    /// The generation of the tokens that it was made with, where they are newer than those that were read.
    generation: Option<i64>,
    /// Who does not want the message any more.
    refused_by: Option<Voice>,
}

async fn call(engine: &Engine, ctx: &Ctx, attempt: &Attempt, batch: &mut Batch) -> Result<Made, Interrupted> {
    let store = engine.store();
    let before = Before {
        attempts: attempt.attempts,
        expires_at: attempt.expires_at,
        now: store.now(),
        jitter: jitter(),
    };
    let uncalled = |decision, outcome| Made {
        decision,
        outcome,
        called: false,
        kept: false,
        generation: None,
        refused_by: None,
    };
    if before.now >= attempt.expires_at {
        return Ok(uncalled(decide::expired(), None));
    }
    match wish(engine, ctx, attempt, before.now).await? {
        Wish::Send => {}
        Wish::Never(voice) => {
            return Ok(Made {
                refused_by: Some(voice),
                ..uncalled(decide::unwanted(), None)
            });
        }
        Wish::Later(opening) => return Ok(uncalled(decide::awaits_schedule(before, opening), None)),
    }
    let reject = |failure: Failure| {
        let outcome = Outcome::Rejected(failure);
        Ok(uncalled(decide::decide(&outcome, before), Some(outcome)))
    };
    let integrations = engine.integrations(ctx).await?;
    let Some((integration, credentials)) = integrations.active(attempt.integration_id) else {
        return reject(Failure::new(
            Level::Integration,
            "integration_inactive",
            "The integration is either deleted or not active",
        ));
    };
    let Some((kind, address)) = store.attempt_address(attempt)? else {
        return reject(Failure::new(
            Level::Endpoint,
            "endpoint_deleted",
            "The channel endpoint was deleted",
        ));
    };
    if unsupported::is_for(&kind) {
        let posted = unsupported::post(engine, ctx, attempt, integration, &kind, address, batch).await?;
        return Ok(Made {
            decision: decide::decide(&posted.outcome, before),
            outcome: Some(posted.outcome),
            called: posted.called,
            kept: posted.kept,
            generation: None,
            refused_by: None,
        });
    }
    let Some(address) = Address::parse(&kind, &address) else {
        return reject(Failure::new(
            Level::Endpoint,
            "endpoint_invalid",
            "The address does not fit the endpoint's type",
        ));
    };
    if address.needs_token() && attempt.grant.is_none() && !teams::needs_no_connection(attempt, &address) {
        return reject(no_connection(attempt));
    }
    if is_dead(attempt) {
        return Ok(uncalled(decide::held(before, None), None));
    }
    let token = match token::ready(engine, ctx, attempt).await? {
        Ready::Send(token) => token,
        Ready::Wait(until) => return Ok(uncalled(decide::awaits_token(before, until), None)),
        Ready::Dead => return Ok(uncalled(decide::held(before, None), None)),
    };
    let overrides = store.attempt_overrides(attempt)?;
    let renewed;
    let mut generation = token.generation;
    let posting = |token| Posting {
        integration,
        credentials,
        provider_id: &attempt.provider_id,
        address: &address,
        token,
        workspace: attempt.workspace_id.as_deref(),
        endpoint: attempt.endpoint.as_ref().map_or("", |endpoint| &endpoint.identifier),
        text: &attempt.content,
        overrides: &overrides["provider"],
        custom_data: &overrides["custom"],
        delivery_id: attempt.id,
        subscriber: Some(attempt.subscriber_id),
    };
    let mut posted = post(engine, ctx, &posting(token.text.as_deref()), batch).await?;
    if token::has_ended(&posted.outcome) {
        // The vendor's clock is the one that counts: renew once, send once more.
        match token::renew(engine, ctx, attempt, &token).await? {
            Ready::Send(newer) => {
                renewed = newer;
                generation = renewed.generation;
                posted = post(engine, ctx, &posting(renewed.text.as_deref()), batch).await?;
            }
            Ready::Wait(until) => {
                return Ok(Made {
                    decision: decide::awaits_token(before, until),
                    outcome: Some(posted.outcome),
                    called: true,
                    kept: false,
                    generation,
                    refused_by: None,
                });
            }
            Ready::Dead => posted.outcome = token::cannot_be_renewed(posted.outcome),
        }
    }
    let Posted {
        outcome,
        called,
        kept,
        moved,
    } = posted;
    if let Some(moved) = moved
        && !attempt.has_own_address()
    {
        store.move_attempt_endpoint(batch, ctx, attempt, &moved.to_json())?;
    }
    let decision = match &outcome {
        Outcome::Rejected(failure) if called && decide::waits_for_reconnect(failure) => {
            decide::held(before, verdict(failure))
        }
        _ => decide::decide(
            &outcome,
            Before {
                now: store.now(),
                ..before
            },
        ),
    };
    Ok(Made {
        decision,
        outcome: Some(outcome),
        called,
        kept,
        generation,
        refused_by: None,
    })
}

/// What the subscriber wants of the message now, which may be another thing than when its step ran.
async fn wish(engine: &Engine, ctx: &Ctx, attempt: &Attempt, now: Time) -> Result<Wish, Interrupted> {
    let workflow = engine.workflow_by_id(ctx, attempt.workflow_id).await?;
    // What was said by a workflow that is gone does not count any more.
    let offer = workflow.map(|workflow| workflow.offer).unwrap_or_default();
    let chosen = Chosen {
        global: attempt.chosen_for_all.as_ref(),
        workflow: attempt.chosen.as_ref(),
        timezone: attempt.timezone.as_deref(),
    };
    Ok(wishes::of(&offer, &chosen, attempt.channel, now))
}

/// Whether the grant needs its customer before anything can be sent.
fn is_dead(attempt: &Attempt) -> bool {
    attempt
        .grant
        .as_ref()
        .is_some_and(|grant| matches!(grant.status.as_str(), "revoked" | "needs_reauth"))
}

fn no_connection(attempt: &Attempt) -> Failure {
    let named = attempt
        .endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.connection_identifier.as_deref());
    match named {
        Some(name) => Failure::new(
            Level::Endpoint,
            "connection_missing",
            format!("The channel connection {name} of this endpoint was deleted or belongs to another context"),
        )
        .health(campanile_providers::Health::Broken),
        None => Failure::new(
            Level::Endpoint,
            "connection_missing",
            "The endpoint has no channel connection, so there is no token to send with",
        ),
    }
}

async fn write_down(
    engine: &Engine,
    ctx: &Ctx,
    task: &Task,
    asked: &DeliverV1,
    attempt: &Attempt,
    made: Made,
    mut batch: Batch,
) -> Result<(), Interrupted> {
    let store = engine.store();
    let Made {
        decision,
        outcome,
        called,
        kept,
        generation,
        refused_by,
    } = made;
    let facts = outcome.as_ref().map(facts);
    let ended = decision.state.is_final();
    let settled = Settled {
        first: attempt.state == DeliveryState::Pending,
        ended,
        sent: decision.state.is_success(),
    };
    engine.metrics().attempted(&attempt.provider_id, decision.state.wire());
    store.update_delivery(
        &mut batch,
        ctx,
        attempt,
        &Attempted {
            state: decision.state,
            attempts: attempt.attempts + i64::from(called),
            provider_message_id: provider_id(outcome.as_ref()),
            outcome: facts.clone(),
            next_attempt_at: decision.next,
        },
    );
    let failure = outcome.as_ref().and_then(Outcome::failure);
    let text = failure
        .map(|failure| failure.message.clone())
        .or_else(|| (!settled.sent).then(|| decision.detail.text().to_owned()));
    let is_chat = crate::plan::known::is_chat(&attempt.provider_id);
    let error = text.as_deref().map(|text| (error_id(&attempt.provider_id), text));
    store.settle_message(&mut batch, ctx, attempt.message_id, settled, error);
    store.settle_job(&mut batch, ctx, attempt.notification_id, attempt.position, settled);
    if decision.state == DeliveryState::Canceled {
        store.call_off_job(
            &mut batch,
            ctx,
            attempt.notification_id,
            attempt.position,
            JobReason::Preference,
        );
    }
    let detail = if kept { Detail::OutboxKept } else { decision.detail };
    let mut trace = NewTrace::new(detail, decision.status)
        .provider(&attempt.provider_id)
        .retry(attempt.attempts > 0);
    let mut raw = raw(attempt, &decision, facts, called);
    if let Some(voice) = refused_by {
        raw["decidedBy"] = voice.name().into();
    }
    trace.raw = Some(raw);
    store.trace(&mut batch, ctx, attempt.notification_id, attempt.position, trace);
    if kept {
        // What the outbox kept counts as sent, so that the story reads as it would in earnest.
        let sent = NewTrace::new(Detail::MessageSent, TraceStatus::Success).provider(&attempt.provider_id);
        store.trace(&mut batch, ctx, attempt.notification_id, attempt.position, sent);
    }
    if ended && !settled.sent && is_chat {
        store.trace_if_job_failed(
            &mut batch,
            ctx,
            attempt.notification_id,
            attempt.position,
            Detail::AllChatFailed,
        );
    }
    let mut grant = attempt.grant.clone();
    if let (Some(grant), Some(generation)) = (&mut grant, generation) {
        grant.generation = generation;
    }
    let worked = settled.sent && !kept;
    health(engine, ctx, attempt, grant.as_ref(), &decision, worked, &mut batch);
    go_on(engine, ctx, asked, attempt.notification_id, settled, &mut batch);
    match decision.next {
        None => store.complete_task(&mut batch, task),
        Some(at) => {
            let again = match (&attempt.grant, decision.state) {
                (Some(grant), DeliveryState::Held) => Again::Held {
                    grant: grant.id,
                    until: at,
                },
                _ => Again::At(at),
            };
            let tried = DeliverV1 {
                tried: true,
                ..asked.clone()
            };
            store.reschedule_task(&mut batch, task, &again, &payload(&tried));
        }
    }
    store.commit(batch).await?;
    Ok(())
}

/// The kind of a failure, as the API names it.
fn error_id(provider_id: &str) -> &'static str {
    match campanile_providers::catalogue::find(provider_id).map(|provider| provider.channel.as_str()) {
        Some("email") => "mail_unexpected_error",
        Some("sms") => "unexpected_sms_error",
        Some("push") => "unexpected_push_error",
        _ => "unexpected_chat_error",
    }
}

/// The next step, or the end of the notification.
fn go_on(engine: &Engine, ctx: &Ctx, asked: &DeliverV1, notification: Id, settled: Settled, batch: &mut Batch) {
    if !settled.first && !settled.ended {
        return;
    }
    let store = engine.store();
    match &asked.next {
        Some((id, position)) => {
            if let Ok(id) = id.parse::<Id>() {
                let next = AdvanceV1::at(notification, *position);
                let task = NewTask {
                    lane: "advance".to_owned(),
                    kind: ADVANCE,
                    payload: payload(&next),
                    run_at: store.now(),
                    id,
                };
                // A job that halts is left when it has ended, any other one after its first attempts: the job's own
                // counts decide. A next step that has begun already is not begun again.
                store.release_next(batch, ctx, notification, asked.position, task);
            }
        }
        None if settled.ended => store.finish_notification(batch, ctx, notification),
        None => {}
    }
}

/// `grant` has the generation of the tokens that were used.
fn health(
    engine: &Engine,
    ctx: &Ctx,
    attempt: &Attempt,
    grant: Option<&AttemptGrant>,
    decision: &Decision,
    worked: bool,
    batch: &mut Batch,
) {
    const SUCCESS_NOTED_EVERY: std::time::Duration = std::time::Duration::from_mins(1);
    let store = engine.store();
    let stale = |last: Option<Time>| last.is_none_or(|last| last.plus(SUCCESS_NOTED_EVERY) <= store.now());
    match &decision.health {
        Some(Verdict::Grant {
            status,
            reason,
            missing_scope,
        }) => {
            if let (Some(grant), Some(status)) = (grant, HealthStatus::parse(status)) {
                // Slack names several where each of them would do.
                for scope in missing_scope.iter().flat_map(|scopes| scopes.split(',')) {
                    store.miss_grant_scope(batch, ctx, grant.id, grant.generation, scope);
                }
                store.set_grant_health(batch, ctx, grant.id, grant.generation, status, Some(reason));
            }
        }
        Some(Verdict::Endpoint { status, reason }) => {
            // An address that the trigger brought says nothing about the endpoint.
            if let (Some(endpoint), Some(status)) = (attempt.endpoint_id, HealthStatus::parse(status))
                && !attempt.has_own_address()
            {
                store.set_endpoint_health(batch, ctx, endpoint, status, Some(reason));
            }
        }
        None if worked => {
            if let Some(grant) = grant
                && (grant.status != HealthStatus::Active.wire() || stale(grant.last_success_at))
            {
                store.set_grant_health(batch, ctx, grant.id, grant.generation, HealthStatus::Active, None);
            }
            if let (Some(id), Some(endpoint)) = (attempt.endpoint_id, &attempt.endpoint)
                && !attempt.has_own_address()
                && (endpoint.status != HealthStatus::Active.wire() || stale(endpoint.last_success_at))
            {
                store.set_endpoint_health(batch, ctx, id, HealthStatus::Active, None);
            }
        }
        None => {}
    }
}

/// Facts of an outcome for the activity feed; secrets were removed when it was read.
fn facts(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Delivered { id, details } | Outcome::Accepted { id, details } => {
            json!({ "id": id, "details": details })
        }
        Outcome::Rejected(failure) | Outcome::RetryAt { failure, .. } | Outcome::Unknown(failure) => json!({
            "code": failure.code,
            "message": failure.message,
            "level": failure.level.as_str(),
            "status": failure.status,
            "details": failure.details,
        }),
    }
}

fn raw(attempt: &Attempt, decision: &Decision, facts: Option<Value>, called: bool) -> Value {
    let mut raw = facts.unwrap_or_else(|| json!({}));
    raw["deliveryId"] = attempt.id.to_string().into();
    if called {
        raw["attempt"] = (attempt.attempts + 1).into();
    }
    if let Some(endpoint) = &attempt.endpoint {
        raw["endpoint"] = endpoint.identifier.as_str().into();
    }
    if let Some(next) = decision.next {
        raw["nextAttemptAt"] = next.to_string().into();
    }
    raw
}

fn provider_id(outcome: Option<&Outcome>) -> Option<String> {
    match outcome {
        Some(Outcome::Delivered { id, .. } | Outcome::Accepted { id, .. }) => id.clone(),
        _ => None,
    }
}

/// Somebody deleted the message before its turn: the delivery ends, its job is not left waiting.
async fn message_deleted(engine: &Engine, ctx: &Ctx, task: &Task, asked: &DeliverV1) -> Result<(), Interrupted> {
    let store = engine.store();
    let mut batch = Batch::background();
    if let Ok(notification) = asked.notification.parse::<Id>() {
        let settled = Settled {
            first: !asked.tried,
            ended: true,
            sent: false,
        };
        store.settle_job(&mut batch, ctx, notification, asked.position, settled);
        go_on(engine, ctx, asked, notification, settled, &mut batch);
    }
    store.complete_task(&mut batch, task);
    store.commit(batch).await?;
    Ok(())
}

/// A random number of 0..1; without randomness the middle.
pub(crate) fn jitter() -> f64 {
    let bytes = campanile_store::secrets::random_bytes(2).unwrap_or_default();
    match bytes.as_slice() {
        [high, low] => f64::from(u16::from_be_bytes([*high, *low])) / 65536.0,
        _ => 0.5,
    }
}
