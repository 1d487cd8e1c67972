//! The HTTP request step: a call whose answer later steps can use. The call is a task of its own, so that a slow
//! receiver holds up nobody else.

pub(crate) mod call;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_providers::http_request;
use campanile_store::StoreError;
use campanile_store::secrets::Place;
use campanile_store::tasks::NewTask;
use campanile_store::traces::NewTrace;
use serde_json::json;

use super::Next;
use crate::run::{Run, Turn};
use crate::task::{HTTP_REQUEST, HttpRequestV1, payload};

/// Where the rendered controls wait: they hold keys of the receiver.
const COLUMN: &str = "tasks.payload";

fn place(task: &str) -> Place<'_> {
    Place {
        column: COLUMN,
        row: task,
    }
}

/// Runs the step: renders the call and stores it as a task.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let request = match http_request::prepare(&controls) {
        Ok(request) => request,
        Err(problem) => {
            let trace = NewTrace::new(Detail::ActionStepFailed, TraceStatus::Failed);
            run.tell(turn.job, trace.raw(json!({ "message": problem })));
            turn.job.status = JobStatus::Failed;
            return Ok(Next::Go);
        }
    };
    let view = run.view;
    let store = view.engine.store();
    let id = store.new_id();
    let asked = HttpRequestV1 {
        notification: view.notification.id.to_string(),
        position: turn.job.position,
        workflow: view.notification.workflow_id.to_string(),
        controls: store.secrets().seal(place(&id.to_string()), &controls.to_string())?,
        repeated: false,
    };
    let host = request.url.host_str().unwrap_or_default();
    let task = NewTask {
        lane: format!(
            "call:{}:{}",
            view.notification.workflow_id,
            host.get(..100).unwrap_or(host)
        ),
        kind: HTTP_REQUEST,
        payload: payload(&asked),
        run_at: store.now(),
        id,
    };
    store.enqueue(run.batch, view.ctx, task);
    turn.job.status = JobStatus::Queued;
    Ok(Next::Wait)
}
