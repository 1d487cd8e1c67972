//! What the steps that wait or count have in common: what is read for them, what they are told apart by, how a wait ends.

use campanile_model::StepType;
use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::digests::{DigestedEvent, Group, Window};
use campanile_store::notifications::Job;
use campanile_store::recent_runs::RecentRuns;
use campanile_store::traces::NewTrace;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{digest, timing};
use crate::run::{Over, Run};
use crate::{render, schedule};

/// What was read for a step that shares rows with other notifications of its subscriber.
pub(crate) struct Own {
    /// The place of its job.
    pub(crate) position: i64,
    /// What it belongs together with.
    pub(crate) group: Group,
    /// The window that is open for these.
    pub(crate) window: Option<Window>,
    /// How often the step ran for these.
    pub(crate) runs: Option<RecentRuns>,
}

/// Whether a step of this type reads what belongs to one subscriber alone.
pub(crate) const fn needs_own_turn(kind: StepType) -> bool {
    matches!(kind, StepType::Digest | StepType::Throttle)
}

/// Reads what the job needs that comes next from this place on.
pub(crate) async fn read(run: &mut Run<'_>, jobs: &[Job], from: usize) -> Result<Option<Own>, StoreError> {
    let next = jobs.iter().skip(from).find(|job| job.status == JobStatus::Pending);
    let Some(job) = next.filter(|job| needs_own_turn(job.kind)) else {
        return Ok(None);
    };
    for job in jobs.iter().take(from) {
        run.show(job);
    }
    let view = run.view;
    let store = view.engine.store();
    let step = view
        .prepared
        .workflow
        .steps
        .iter()
        .position(|step| step.step_id == job.step_id);
    // A step that is gone, or whose controls cannot be rendered, ends by that.
    let controls = step
        .and_then(|step| render::controls(view.prepared, step, &run.data, store.now()).ok())
        .unwrap_or(Value::Null);
    let key = match job.kind {
        StepType::Digest => &controls["digestKey"],
        _ => &controls["throttleKey"],
    };
    let group = Group {
        workflow_id: view.notification.workflow_id,
        step_id: job.step_id.clone(),
        subscriber_id: view.notification.subscriber_id,
        contexts: view.notification.contexts.clone(),
        value: timing::value_at(key, &run.data),
    };
    let window = match job.kind {
        StepType::Digest => store.open_window(view.ctx, &group).await?,
        _ => None,
    };
    Ok(Some(Own {
        position: job.position,
        window,
        runs: store.recent_runs(view.ctx, &group).await?,
        group,
    }))
}

/// Whether a wait that ends outside of the subscriber's schedule goes on to its next opening.
pub(super) fn extends(controls: &Value) -> bool {
    controls["extendToSchedule"] == true
}

/// The subscriber's time zone.
pub(super) fn zone(run: &Run<'_>) -> TimeZone {
    schedule::zone(run.view.subscriber.field("timezone"))
}

/// Ends the wait of a job: what it came to is there for the steps after it.
pub(crate) fn end(run: &mut Run<'_>, job: &mut Job, over: Option<Over>) {
    job.status = JobStatus::Completed;
    match over {
        Some(Over::Digest(_, events)) => collected(run, job, &events),
        Some(Over::Delay) => run.tell(job, NewTrace::new(Detail::DelayFinished, TraceStatus::Success)),
        None => {}
    }
}

fn collected(run: &mut Run<'_>, job: &mut Job, events: &[DigestedEvent]) {
    /// A trace shows the first events only: there may be many.
    const SHOWN: usize = 20;
    let output = digest::output(events);
    let shown: Vec<&Value> = output["events"].as_array().into_iter().flatten().take(SHOWN).collect();
    let trace = NewTrace::new(Detail::DigestTriggered, TraceStatus::Success)
        .raw(json!({ "eventCount": events.len(), "events": shown }));
    run.tell(job, trace);
    job.output = Some(output);
}
