//! A wait that ends outside of the subscriber's schedule goes on to its next opening, when its step says so
//! (engine.md e.9). A digest stays open meanwhile.

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id};
use campanile_store::Batch;
use campanile_store::digests::Window;
use campanile_store::preferences::Preferences;
use campanile_store::tasks::{Again, Task};
use campanile_store::traces::NewTrace;
use serde_json::json;

use super::gate;
use crate::{Engine, Interrupted, wishes};

/// Who is never in time is not waited for without end.
const MOST: i64 = 3;

/// What becomes of a wait that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// It goes on, and its task is due later.
    Extended,
    /// It ends now.
    Over,
    /// It ends now, although the schedule is closed: it was extended often enough.
    Exhausted,
}

/// Extends the wait of this job if the subscriber's schedule is closed.
pub(super) async fn extend(
    engine: &Engine,
    ctx: &Ctx,
    task: &Task,
    (id, position): (Id, i64),
    window: Option<&Window>,
) -> Result<Extension, Interrupted> {
    let store = engine.store();
    let notification = store.notifications(ctx, vec![id]).await?.into_iter().next();
    let jobs = store.jobs_of(ctx, vec![id]).await?;
    let job = jobs
        .into_iter()
        .find(|job| job.position == position && job.status == JobStatus::Delayed);
    let (Some(notification), Some(mut job)) = (notification, job) else {
        return Ok(Extension::Over);
    };
    let prepared = engine.workflow_by_id(ctx, notification.workflow_id).await?;
    let subscriber = store.subscribers_by_id(ctx, vec![notification.subscriber_id]).await?;
    let (Some(prepared), Some(subscriber)) = (prepared, subscriber.first()) else {
        return Ok(Extension::Over);
    };
    let (ids, sets) = (vec![subscriber.id], vec![notification.contexts.stored()]);
    let preferences: Preferences = store
        .preferences_for(ctx, ids, sets, &[notification.workflow_id])
        .await?
        .into_iter()
        .collect();
    let chosen = gate::chosen(Some(&preferences), prepared.workflow.id, subscriber);
    let Some(until) = wishes::opening(&prepared.offer, &chosen, store.now()) else {
        return Ok(Extension::Over);
    };
    if job.extensions >= MOST {
        return Ok(Extension::Exhausted);
    }
    job.extensions += 1;
    job.due_at = Some(until);
    let mut batch = Batch::background();
    let facts = json!({
        "delayMs": store.now().until(until).as_millis(),
        "nextAvailableTime": until.to_string(),
        "timezone": chosen.timezone.unwrap_or("UTC"),
        "schedule": chosen.schedule(),
        "extensionsCount": job.extensions,
        "maxExtensions": MOST,
    });
    let trace = NewTrace::new(Detail::ExtendedToSchedule, TraceStatus::Pending);
    store.trace(&mut batch, ctx, id, position, trace.raw(facts));
    store.update_job(&mut batch, ctx, &job, JobStatus::Delayed);
    if let Some(window) = window {
        store.extend_digest(&mut batch, ctx, window, until);
    }
    store.reschedule_task(&mut batch, task, &Again::At(until), &task.payload);
    store.commit(batch).await?;
    Ok(Extension::Extended)
}
