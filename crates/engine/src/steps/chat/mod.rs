//! The chat step: one message for each integration, to all endpoints of the subscriber.

mod groups;

use campanile_model::Channel;
use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::traces::NewTrace;
use serde_json::Value;

use super::Next;
use crate::run::{Run, Turn, messages};

pub(crate) use groups::{Legacy, Target};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let output = groups::plan(&groups::Input {
        step_id: &turn.job.step_id,
        targets: view.targets,
        legacy: view.legacy,
        phone: view.subscriber.field("phone"),
        integrations: &view.integrations.all,
        overrides: view.overrides,
        payload: view.payload,
        has_contexts: !view.notification.contexts.is_empty(),
    });
    let failed = output.traces.iter().any(|trace| trace.status == TraceStatus::Failed);
    for trace in output.traces {
        run.tell(turn.job, trace);
    }
    if output.groups.is_empty() {
        turn.job.status = if failed { JobStatus::Failed } else { JobStatus::Canceled };
        return Ok(Next::Go);
    }
    messages::queue(run, turn, Channel::Chat, output.groups, &text(&controls))?;
    Ok(Next::Wait)
}

/// The text of the rendered controls.
fn text(controls: &Value) -> String {
    match controls.get("body") {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
