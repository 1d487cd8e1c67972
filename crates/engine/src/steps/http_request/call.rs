//! The call itself: made once, and what it came to is one commit with the release of the next step.
//!
//! Between the call and the commit the process may die: then the lease runs out and the call is made again, with the
//! same `idempotency-key`, and the story says so.

use std::time::Duration;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id};
use campanile_providers::http_request::{Answer, interpret, prepare, sign};
use campanile_providers::transport::{Secretish, is_loopback_url};
use campanile_providers::{Request, Trust};
use campanile_store::notifications::{Job, Notification};
use campanile_store::outbox::Kept;
use campanile_store::tasks::{Again, NewTask, Task};
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, StoreError};
use serde_json::{Value, json};

use super::place;
use crate::deliver::jitter;
use crate::payload::Schema;
use crate::task::{ADVANCE, AdvanceV1, HttpRequestV1, payload};
use crate::{Engine, Interrupted};

/// Puts a task back for a while, because its workflow has many calls under way.
pub(crate) async fn put_back(
    engine: &Engine,
    task: &Task,
    asked: &HttpRequestV1,
    wait: Duration,
) -> Result<(), Interrupted> {
    let mut batch = Batch::background();
    let asked = HttpRequestV1 {
        repeated: asked.repeated || task.claims > 1,
        ..asked.clone()
    };
    let at = engine.store().now().plus(wait.mul_f64(1.0 + jitter()));
    engine
        .store()
        .reschedule_task(&mut batch, task, &Again::At(at), &payload(&asked));
    engine.store().commit(batch).await?;
    Ok(())
}

/// Makes the call of a claimed task.
pub(crate) async fn run(engine: &Engine, task: &Task, asked: &HttpRequestV1) -> Result<(), Interrupted> {
    let ctx = task.ctx();
    let store = engine.store();
    let mut batch = Batch::background();
    store.complete_task(&mut batch, task);
    let Some((notification, mut jobs, index)) = read(engine, &ctx, asked).await? else {
        // Retention or an erasure took it, or it was cancelled.
        store.commit(batch).await?;
        return Ok(());
    };
    let controls = store.secrets().open(place(&task.id.to_string()), &asked.controls)?;
    let controls: Value = serde_json::from_str(&controls).unwrap_or(Value::Null);
    let mut tell = |position: i64, trace: NewTrace| store.trace(&mut batch, &ctx, notification.id, position, trace);
    if asked.repeated || task.claims > 1 {
        engine.metrics().repeated();
        tell(
            asked.position,
            NewTrace::new(Detail::CallRepeated, TraceStatus::Warning).retry(true),
        );
    }
    let Some(job) = jobs.get_mut(index) else {
        store.commit(batch).await?;
        return Ok(());
    };
    let before = job.status;
    let (answer, kept) = make(engine, &ctx, &notification, job, &controls).await?;
    settle(job, &controls, answer, &mut tell);
    let stopped = job.status == JobStatus::Failed && job.halts;
    if let Some(kept) = kept {
        tell(asked.position, NewTrace::new(Detail::OutboxKept, TraceStatus::Success));
        store.keep_in_outbox(&mut batch, &ctx, &kept);
    }
    store.update_job(&mut batch, &ctx, job, before);
    go_on(engine, &ctx, &notification, &jobs, index, stopped, &mut batch);
    store.commit(batch).await?;
    Ok(())
}

/// The notification and its jobs, while the job still waits for its call.
async fn read(
    engine: &Engine,
    ctx: &Ctx,
    asked: &HttpRequestV1,
) -> Result<Option<(Notification, Vec<Job>, usize)>, StoreError> {
    let Ok(id) = asked.notification.parse::<Id>() else {
        return Ok(None);
    };
    let found = engine.store().notifications(ctx, vec![id]).await?.into_iter().next();
    let jobs = engine.store().jobs_of(ctx, vec![id]).await?;
    let index = jobs
        .iter()
        .position(|job| job.position == asked.position && job.status == JobStatus::Queued);
    Ok(found
        .zip(index)
        .map(|(notification, index)| (notification, jobs, index)))
}

async fn make(
    engine: &Engine,
    ctx: &Ctx,
    notification: &Notification,
    job: &Job,
    controls: &Value,
) -> Result<(Answer, Option<Kept>), StoreError> {
    let store = engine.store();
    let mut request = match prepare(controls) {
        Ok(request) => request,
        Err(problem) => {
            let shown = json!({ "message": problem });
            let result = Err(problem);
            return Ok((
                Answer {
                    result,
                    is_other: false,
                    shown,
                },
                None,
            ));
        }
    };
    if let Some((_, secret)) = store.api_keys(ctx).await?.first() {
        sign(&mut request, secret, store.clock().real().millis());
    }
    if request.header("idempotency-key").is_none() {
        request.set_header("idempotency-key", Secretish::Plain(job.id.to_string()));
    }
    if engine.settings().outbox && !is_loopback_url(&request.url) {
        let kept = kept(engine, notification, &request);
        let answer = Answer {
            result: Ok(json!({})),
            is_other: false,
            shown: json!({ "outbox": kept.id }),
        };
        return Ok((answer, Some(kept)));
    }
    let response = engine.transport().send(&request, Trust::Customer).await;
    Ok((interpret(&request, response), None))
}

/// Dev mode: the call stays here, and later steps see an empty answer.
fn kept(engine: &Engine, notification: &Notification, request: &Request) -> Kept {
    let shown = request.redacted();
    Kept {
        id: engine.store().new_id(),
        channel: "http_request".to_owned(),
        provider_id: "http_request".to_owned(),
        integration_identifier: String::new(),
        subscriber_id: notification.recipient.clone(),
        recipient: json!({ "type": "http_request", "endpoint": { "url": shown["url"] } }),
        content: shown["body"].to_string(),
        request: shown,
        created_at: engine.store().now(),
    }
}

/// Writes what the call came to into the job.
fn settle(job: &mut Job, controls: &Value, answer: Answer, tell: &mut impl FnMut(i64, NewTrace)) {
    let place = job.position;
    let output = match answer.result {
        Ok(output) => output,
        Err(problem) => {
            let mut facts = answer.shown;
            facts["message"] = problem.into();
            tell(
                place,
                NewTrace::new(Detail::ActionStepFailed, TraceStatus::Failed).raw(facts),
            );
            job.status = JobStatus::Failed;
            return;
        }
    };
    if answer.is_other {
        let trace = NewTrace::new(Detail::AnswerIsNoObject, TraceStatus::Warning);
        tell(place, trace.raw(answer.shown.clone()));
    }
    let is_enforced = controls.get("enforceSchemaValidation") == Some(&Value::Bool(true));
    if let Some(faults) = misfit(controls.get("responseBodySchema"), &output) {
        let status = if is_enforced {
            TraceStatus::Failed
        } else {
            TraceStatus::Warning
        };
        let facts = json!({ "errors": faults, "enforced": is_enforced });
        tell(place, NewTrace::new(Detail::AnswerDoesNotFit, status).raw(facts));
        if is_enforced {
            job.status = JobStatus::Failed;
            return;
        }
    }
    tell(
        place,
        NewTrace::new(Detail::StepCompleted, TraceStatus::Success).raw(answer.shown),
    );
    job.output = Some(output);
    job.status = JobStatus::Completed;
}

/// In what the answer does not fit the step's schema. A schema that cannot be used fits nothing.
fn misfit(schema: Option<&Value>, answer: &Value) -> Option<Vec<String>> {
    let schema = schema.filter(|schema| schema.as_object().is_some_and(|members| !members.is_empty()))?;
    let faults: Vec<String> = match Schema::new(schema) {
        Ok(schema) => schema
            .faults(answer)
            .into_iter()
            .map(|fault| format!("{}: {}", fault.field, fault.message))
            .collect(),
        Err(problem) => vec![format!("The schema is not valid: {problem}")],
    };
    (!faults.is_empty()).then_some(faults)
}

/// The next step's turn, or the end.
fn go_on(
    engine: &Engine,
    ctx: &Ctx,
    notification: &Notification,
    jobs: &[Job],
    index: usize,
    stopped: bool,
    batch: &mut Batch,
) {
    let store = engine.store();
    let position = jobs.get(index).map_or(0, |job| job.position);
    let mut rest = jobs
        .iter()
        .skip(index + 1)
        .filter(|job| job.status == JobStatus::Pending);
    if stopped {
        store.cancel_jobs_after(batch, ctx, notification.id, position);
        for job in rest {
            let trace = NewTrace::new(Detail::StepCanceledByFailure, TraceStatus::Failed);
            store.trace(batch, ctx, notification.id, job.position, trace);
        }
        store.finish_notification(batch, ctx, notification.id);
        return;
    }
    let Some(next) = rest.next() else {
        store.finish_notification(batch, ctx, notification.id);
        return;
    };
    let asked = AdvanceV1::at(notification.id, next.position);
    let task = NewTask {
        lane: "advance".to_owned(),
        kind: ADVANCE,
        payload: payload(&asked),
        run_at: store.now(),
        // One turn for each job, however often its predecessor ends.
        id: next.id,
    };
    store.enqueue(batch, ctx, task);
}
