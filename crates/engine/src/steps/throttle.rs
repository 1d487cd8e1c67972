//! The throttle step: so many runs in a window, and no more (engine.md e.8). The count is compared with what was read, so
//! that of many who come at once no more pass than may.

use campanile_model::channel::{JobReason, JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::traces::NewTrace;
use serde_json::json;

use super::timing::{self, Counting, Moment};
use super::{Next, waiting};
use crate::run::{Run, Turn};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let Some(own) = run.own.take() else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let store = view.engine.store();
    let now = store.now();
    let moment = Moment {
        now,
        zone: &waiting::zone(run),
        data: &run.data,
    };
    turn.job.status = JobStatus::Completed;
    let (until, threshold) = match timing::throttle(&controls, &moment) {
        Counting::Until(until, threshold) => (until, threshold),
        nothing => {
            let detail = match nothing {
                Counting::Past => Detail::ThrottleInPast,
                _ => Detail::ThrottleIgnored,
            };
            run.tell(turn.job, NewTrace::new(detail, TraceStatus::Warning));
            turn.job.output = Some(json!({ "throttled": false }));
            return Ok(Next::Go);
        }
    };
    let running = own.runs.filter(|runs| runs.ends_at > now);
    let (count, start, end) = match running {
        None => {
            store.begin_runs(run.batch, view.ctx, &own.group, (now, until), own.runs);
            (1, now, until)
        }
        Some(runs) if runs.runs < threshold => {
            store.count_run(run.batch, view.ctx, &own.group, runs, threshold);
            (runs.runs + 1, runs.started_at, runs.ends_at)
        }
        Some(runs) => {
            turn.job.status = JobStatus::Skipped;
            turn.job.reason = Some(JobReason::Throttled);
            let output = json!({
                "throttled": true, "executionCount": runs.runs, "threshold": threshold,
                "throttledUntil": runs.ends_at.to_string(), "windowStart": runs.started_at.to_string(),
            });
            let trace = NewTrace::new(Detail::Throttled, TraceStatus::Warning).raw(output.clone());
            run.tell(turn.job, trace);
            turn.job.output = Some(output);
            return Ok(Next::Stop(JobStatus::Skipped));
        }
    };
    turn.job.output = Some(json!({
        "throttled": false, "executionCount": count, "threshold": threshold,
        "windowStart": start.to_string(), "windowEnd": end.to_string(),
    }));
    run.tell(turn.job, NewTrace::new(Detail::StepCompleted, TraceStatus::Success));
    Ok(Next::Go)
}
