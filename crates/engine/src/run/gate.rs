//! What may keep a step from running. Each question is answered by a pure function of its own; here the answers become
//! the job's end and its story.

use campanile_model::channel::{JobReason, JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Id, StepType};
use campanile_store::preferences::Preferences;
use campanile_store::subscribers::Subscriber;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use super::{Run, Turn, View};
use crate::wishes::{self, Chosen};
use crate::{conditions, render};

/// Whether the step may run. If not, its job has ended, and its story says why.
pub(crate) fn lets_through(run: &mut Run<'_>, turn: &mut Turn<'_>) -> bool {
    is_in_time(run, turn) && is_wanted(run, turn) && meets_conditions(run, turn)
}

fn of_view<'a>(view: &View<'a>) -> Chosen<'a> {
    chosen(view.preferences, view.prepared.workflow.id, view.subscriber)
}

/// What a subscriber chose, as far as one workflow goes.
pub(super) fn chosen<'a>(preferences: Option<&'a Preferences>, workflow: Id, whose: &'a Subscriber) -> Chosen<'a> {
    Chosen {
        global: preferences.and_then(|preferences| preferences.global.as_ref()),
        workflow: preferences.and_then(|preferences| preferences.workflows.get(&workflow)),
        timezone: whose.field("timezone"),
    }
}

fn is_in_time(run: &mut Run<'_>, turn: &mut Turn<'_>) -> bool {
    let view = run.view;
    let chosen = of_view(view);
    let now = view.engine.store().now();
    if wishes::is_in_time(&view.prepared.offer, &chosen, turn.job.kind, now) {
        return true;
    }
    let facts = json!({ "schedule": chosen.schedule(), "timezone": chosen.timezone.unwrap_or("UTC") });
    let trace = NewTrace::new(Detail::OutsideSchedule, TraceStatus::Success).raw(facts);
    run.tell(turn.job, trace);
    turn.job.status = JobStatus::Canceled;
    turn.job.reason = Some(JobReason::Schedule);
    false
}

fn is_wanted(run: &mut Run<'_>, turn: &mut Turn<'_>) -> bool {
    let view = run.view;
    let Some(channel) = turn.job.kind.channel() else {
        return true;
    };
    let Some(voice) = wishes::refused_by(&view.prepared.offer, &of_view(view), channel) else {
        return true;
    };
    let facts = json!({ "channel": channel, "decidedBy": voice.name() });
    run.tell(
        turn.job,
        NewTrace::new(voice.refusal(), TraceStatus::Success).raw(facts),
    );
    turn.job.status = JobStatus::Canceled;
    turn.job.reason = Some(JobReason::Preference);
    false
}

fn meets_conditions(run: &mut Run<'_>, turn: &mut Turn<'_>) -> bool {
    let now = run.view.engine.store().now();
    let rule = match render::condition(run.view.prepared, turn.step, &run.data, now) {
        Ok(None) => return true,
        Ok(Some(rule)) => rule,
        Err(problem) => return fails(run, turn, &problem),
    };
    let passes = match conditions::passes(&rule, &run.data, now) {
        Ok(passes) => passes,
        Err(fault) => return fails(run, turn, &fault.to_string()),
    };
    let detail = if passes {
        Detail::ConditionsMatched
    } else {
        Detail::ConditionsNotMet
    };
    let facts = facts(&rule, &run.data, !passes);
    run.tell(turn.job, NewTrace::new(detail, TraceStatus::Success).raw(facts));
    if !passes {
        turn.job.status = skipped(turn.job.kind);
        turn.job.reason = Some(JobReason::StepCondition);
    }
    passes
}

/// How a job ends whose step was left out: waiting steps are skipped, sending ones canceled (engine.md d.3).
pub(crate) fn skipped(kind: StepType) -> JobStatus {
    match kind {
        StepType::Digest | StepType::Delay | StepType::Throttle => JobStatus::Skipped,
        _ => JobStatus::Canceled,
    }
}

/// What the story shows of a rule: the rule, and what it read. Large values are left out, because a trace is written
/// for each recipient.
fn facts(rule: &Value, data: &Value, skip: bool) -> Value {
    const LARGEST: usize = 2048;
    let mut facts = json!({ "skip": skip });
    for (name, value) in [
        ("conditions", rule.clone()),
        ("variables", Value::Object(conditions::readings(rule, data))),
    ] {
        if value.to_string().len() <= LARGEST {
            facts[name] = value;
        }
    }
    facts
}

/// A condition without an answer is a failure of the step, not a no.
fn fails(run: &mut Run<'_>, turn: &mut Turn<'_>, problem: &str) -> bool {
    let trace = NewTrace::new(Detail::ConditionsFailed, TraceStatus::Failed).raw(json!({ "message": problem }));
    run.tell(turn.job, trace);
    turn.job.status = JobStatus::Failed;
    false
}
