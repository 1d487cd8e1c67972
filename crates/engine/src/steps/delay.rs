//! The delay step: a time to wait for (engine.md e.7).

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::tasks::NewTask;
use campanile_store::traces::NewTrace;
use serde_json::json;

use super::timing::{self, Moment};
use super::{Next, waiting};
use crate::run::{Run, Turn};
use crate::task::{ADVANCE, AdvanceV1, payload};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Next {
    let Some(controls) = run.controls(turn) else {
        return Next::Go;
    };
    let view = run.view;
    let store = view.engine.store();
    let now = store.now();
    let moment = Moment {
        now,
        zone: &waiting::zone(run),
        data: &run.data,
    };
    let due = match timing::delay(&controls, &view.overrides["delay"], &moment) {
        Ok(due) => due,
        Err(problem) => {
            let trace = NewTrace::new(Detail::DelayInvalid, TraceStatus::Failed);
            run.tell(turn.job, trace.raw(json!({ "error": problem })));
            turn.job.status = JobStatus::Failed;
            return Next::Go;
        }
    };
    let wait = due.millis() - now.millis();
    turn.job.output = Some(json!({ "duration": wait }));
    turn.job.due_at = Some(due);
    turn.job.status = JobStatus::Delayed;
    let trace = NewTrace::new(Detail::StepDelayed, TraceStatus::Pending);
    run.tell(
        turn.job,
        trace.raw(json!({ "delay": wait, "untilDate": due.to_string() })),
    );
    let asked = AdvanceV1 {
        notification: view.notification.id.to_string(),
        position: turn.job.position,
        over: true,
        extends: waiting::extends(&controls),
    };
    let task = NewTask {
        lane: "advance".to_owned(),
        kind: ADVANCE,
        payload: payload(&asked),
        run_at: due,
        // Should the job be canceled meanwhile, the task finds it so.
        id: store.new_id(),
    };
    store.enqueue(run.batch, view.ctx, task);
    Next::Wait
}
