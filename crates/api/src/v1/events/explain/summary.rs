//! Sentences about steps, made from what was written down.

use campanile_model::channel::{JobStatus, MessageStatus, Outcome, TraceStatus};
use campanile_model::{StepType, texts};
use campanile_store::messages::Message;
use campanile_store::notifications::Job;
use campanile_store::traces::Trace;

use super::view::StepExplanation;

/// What became of a step.
pub(super) fn of_step(job: &Job, messages: &[&Message], told: &[&Trace]) -> String {
    let decisive = || decisive(told);
    match job.status {
        JobStatus::Completed => match through(messages, |message| message.status == MessageStatus::Sent) {
            Some(through) => format!("Sent through {through}."),
            None => "Done.".to_owned(),
        },
        JobStatus::Pending => "Not begun: a step before it has not ended.".to_owned(),
        JobStatus::Queued | JobStatus::Running => match through(messages, |_| true) {
            Some(through) => format!("On its way through {through}."),
            None => "Under way.".to_owned(),
        },
        JobStatus::Delayed => match (decisive(), job.due_at) {
            (Some(why), _) if job.kind.channel().is_some() => sentence(why),
            (_, Some(until)) => format!("Waits until {until}."),
            _ => "Waits.".to_owned(),
        },
        JobStatus::Merged if job.kind == StepType::Digest => {
            "The event joined a digest that was open, and goes out with it.".to_owned()
        }
        JobStatus::Merged => "It happens once, for the digest that the event joined.".to_owned(),
        JobStatus::Failed | JobStatus::Canceled | JobStatus::Skipped => match (decisive(), job.reason) {
            (Some(why), _) => sentence(why),
            (None, Some(reason)) => format!("Not done: {}.", reason.wire().replace('_', " ")),
            (None, None) => "Not done: a step before it ended the notification.".to_owned(),
        },
    }
}

/// What decided: the last thing that was told in another colour than success.
fn decisive<'a>(told: &[&'a Trace]) -> Option<&'a str> {
    let last = told
        .iter()
        .rev()
        .find(|trace| matches!(trace.status, TraceStatus::Failed | TraceStatus::Warning));
    // A step that its conditions or somebody's cancelling ended is told of in green.
    last.or_else(|| {
        let quiet = ["step_created", "step_queued", "message_created"];
        told.iter().rev().find(|trace| !quiet.contains(&trace.detail.as_str()))
    })
    .map(|trace| texts::text(&trace.detail))
}

fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    format!("{text}.")
}

/// The providers of these messages.
fn through(messages: &[&Message], which: impl Fn(&Message) -> bool) -> Option<String> {
    let mut names: Vec<&str> = messages
        .iter()
        .filter(|message| which(message))
        .map(|message| message.provider_id.as_str())
        .collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// What all of it came to: the outcome, and the sentence of the step that says most.
pub(super) fn of_notification(steps: &[StepExplanation]) -> (Outcome, String) {
    let sends = |step: &&StepExplanation| step.kind.channel().is_some();
    let waits = |step: &&StepExplanation| {
        matches!(
            step.status,
            JobStatus::Pending | JobStatus::Queued | JobStatus::Running | JobStatus::Delayed
        )
    };
    let of = |step: &StepExplanation| format!("{} ({}): {}", step.step_id, step.kind.wire(), step.summary);
    let arrived: Vec<&StepExplanation> = steps
        .iter()
        .filter(sends)
        .filter(|step| step.messages.iter().any(|one| one.status == MessageStatus::Sent))
        .collect();
    if !arrived.is_empty() {
        let told: Vec<String> = arrived.into_iter().map(of).collect();
        return (Outcome::Received, told.join(" "));
    }
    // The first that waits keeps the others.
    if let Some(step) = steps.iter().find(waits) {
        return (Outcome::Waiting, of(step));
    }
    let told: Vec<String> = steps.iter().filter(sends).map(of).collect();
    if told.is_empty() {
        return (Outcome::NotReceived, "The workflow has no step that sends.".to_owned());
    }
    (Outcome::NotReceived, told.join(" "))
}
