//! The chat step: one message for each integration, to all endpoints of the subscriber.

mod groups;

use campanile_model::Channel;
use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::traces::NewTrace;

use super::Next;
use crate::plan::known;
use crate::run::{Run, Turn, messages};

pub(crate) use groups::{Legacy, Target};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let legacy: Vec<Legacy> = view
        .legacy
        .iter()
        .filter(|one| known::is_chat(&one.provider_id))
        .cloned()
        .collect();
    let output = groups::plan(&groups::Input {
        step_id: &turn.job.step_id,
        targets: view.targets,
        legacy: &legacy,
        phone: view.subscriber.field("phone"),
        integrations: &view.integrations.all,
        overrides: view.overrides,
        payload: view.payload,
        data: &run.data,
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
    messages::queue(run, turn, Channel::Chat, output.groups, &super::text(&controls))?;
    Ok(Next::Wait)
}
