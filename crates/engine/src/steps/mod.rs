//! Step types: one module each, with what the step makes of its controls.

pub(crate) mod chat;
mod choice;
mod delay;
pub(crate) mod digest;
pub(crate) mod email;
pub(crate) mod http_request;
pub(crate) mod in_app;
mod overrides;
mod push;
mod sms;
mod throttle;
mod timing;
pub(crate) mod waiting;

use campanile_model::StepType;
use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use crate::run::{Run, Turn};

/// What comes after a step.
pub(crate) enum Next {
    /// The job has ended, whichever way: the next step has its turn, unless this one failed and halts.
    Go,
    /// The notification goes on by a task that the step has stored.
    Wait,
    /// No later step runs; their jobs end like this.
    Stop(JobStatus),
}

/// Runs one step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    match turn.job.kind {
        StepType::Chat => chat::run(run, turn),
        StepType::HttpRequest => http_request::run(run, turn),
        StepType::Delay => Ok(delay::run(run, turn)),
        StepType::Digest => Ok(digest::run(run, turn)),
        StepType::Throttle => Ok(throttle::run(run, turn)),
        StepType::Email => email::run(run, turn),
        StepType::InApp => in_app::run(run, turn),
        StepType::Push => push::run(run, turn),
        StepType::Sms => sms::run(run, turn),
        kind => {
            let trace = NewTrace::new(Detail::StepNotExecutable, TraceStatus::Warning);
            run.tell(turn.job, trace.raw(json!({ "type": kind })));
            turn.job.status = JobStatus::Canceled;
            Ok(Next::Go)
        }
    }
}

/// The text of the rendered controls.
fn text(controls: &Value) -> String {
    match controls.get("body") {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
