//! Running a notification's steps in order, up to the first that waits.
//!
//! A step is one module of [`crate::steps`]. It sees a [`View`], which is read before and does not change, and works on
//! a [`Run`], which gathers what is to be committed. It calls nobody: what has to be called is a task of its own.

mod advance;
mod extension;
pub(crate) mod gate;
pub(crate) mod messages;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id};
use campanile_store::notifications::{Job, Notification};
use campanile_store::preferences::Preferences;
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::Task;
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, StoreError};
use serde_json::{Value, json};

use crate::deliver::integrations::Integrations;
use crate::steps::waiting::{Own, needs_own_turn};
use crate::steps::{self, Next, chat};
use crate::workflows::Prepared;
use crate::{Engine, render};

pub(crate) use advance::{Over, advance, digest};

/// What the steps of one notification see.
pub(crate) struct View<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) ctx: &'a Ctx,
    pub(crate) prepared: &'a Prepared,
    pub(crate) notification: &'a Notification,
    pub(crate) subscriber: &'a Subscriber,
    /// The subscriber's chat endpoints in the notification's contexts.
    pub(crate) targets: &'a [chat::Target],
    /// The subscriber's legacy channels, of chat and push.
    pub(crate) legacy: &'a [chat::Legacy],
    /// What the subscriber chose in the notification's contexts.
    pub(crate) preferences: Option<&'a Preferences>,
    pub(crate) integrations: &'a Integrations,
    pub(crate) overrides: &'a Value,
    pub(crate) payload: &'a Value,
    /// Whether this process goes on with the deliveries itself.
    pub(crate) hands_on: bool,
}

/// What the run of a notification's steps makes.
pub(crate) struct Run<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) batch: &'a mut Batch,
    /// What templates and conditions see; the outputs of steps that ran are in `steps`.
    pub(crate) data: Value,
    /// What was read for the step whose own turn this is.
    pub(crate) own: Option<Own>,
    /// Deliveries that this process goes on with after the commit.
    pub(crate) handed_on: Vec<Task>,
}

/// The job whose turn it is.
pub(crate) struct Turn<'a> {
    pub(crate) job: &'a mut Job,
    /// Where its step is in the workflow.
    pub(crate) step: usize,
    /// The job that comes after it: its id and place.
    pub(crate) next: Option<(String, i64)>,
}

impl Run<'_> {
    /// Adds a trace of a job.
    pub(crate) fn tell(&mut self, job: &Job, trace: NewTrace) {
        let view = self.view;
        view.engine
            .store()
            .trace(self.batch, view.ctx, view.notification.id, job.position, trace);
    }

    /// The controls of the step, rendered; without them the job has failed, and its story says why.
    pub(crate) fn controls(&mut self, turn: &mut Turn<'_>) -> Option<Value> {
        let now = self.view.engine.store().now();
        match self.view.prepared.translate(turn.step, &mut self.data, now) {
            Ok(missing) => self.tell_missing(turn, &missing),
            Err(problem) => {
                self.content_failed(turn, &problem);
                return None;
            }
        }
        match render::controls(self.view.prepared, turn.step, &self.data, now) {
            Ok(controls) => Some(controls),
            Err(problem) => {
                self.content_failed(turn, &problem);
                None
            }
        }
    }

    /// Tells of texts that there are none of; the message goes out with their keys.
    pub(crate) fn tell_missing(&mut self, turn: &Turn<'_>, missing: &[String]) {
        if !missing.is_empty() {
            let facts = json!({ "keys": missing, "locale": self.data["subscriber"]["locale"] });
            let trace = NewTrace::new(Detail::TranslationMissing, TraceStatus::Warning);
            self.tell(turn.job, trace.raw(facts));
        }
    }

    /// The job has failed because its content could not be made.
    pub(crate) fn content_failed(&mut self, turn: &mut Turn<'_>, problem: &str) {
        let trace = NewTrace::new(Detail::MessageContentNotGenerated, TraceStatus::Failed);
        self.tell(turn.job, trace.raw(json!({ "message": problem })));
        turn.job.status = JobStatus::Failed;
    }

    /// Lets later steps see what this one came to.
    pub(crate) fn show(&mut self, job: &Job) {
        if let (Some(output), Some(steps)) = (&job.output, self.data["steps"].as_object_mut()) {
            steps.insert(job.step_id.clone(), output.clone());
        }
    }
}

/// Runs the steps from this place on, up to the first that waits; whether one does. Jobs are changed in memory, and the
/// caller stores them.
pub(crate) fn steps(run: &mut Run<'_>, jobs: &mut [Job], from: usize) -> Result<bool, StoreError> {
    let places: Vec<(Id, i64)> = jobs.iter().map(|job| (job.id, job.position)).collect();
    for index in 0..jobs.len() {
        let Some(job) = jobs.get_mut(index) else { break };
        let waits = matches!(job.status, JobStatus::Queued | JobStatus::Running | JobStatus::Delayed);
        if index >= from && waits {
            // A step before it ended once more, late: what waits here goes on by itself.
            return Ok(true);
        }
        if index < from || job.status != JobStatus::Pending {
            run.show(job);
            continue;
        }
        let steps = &run.view.prepared.workflow.steps;
        let Some(step) = steps.iter().position(|step| step.step_id == job.step_id) else {
            run.tell(job, NewTrace::new(Detail::StepGone, TraceStatus::Warning));
            job.status = JobStatus::Canceled;
            continue;
        };
        // A plan of many recipients reads nothing that belongs to one of them alone.
        if needs_own_turn(job.kind) && run.own.as_ref().is_none_or(|own| own.position != job.position) {
            messages::take_own_turn(run, job);
            return Ok(true);
        }
        let next = places.get(index + 1).map(|(id, position)| (id.to_string(), *position));
        let mut turn = Turn { job, step, next };
        let next = if gate::lets_through(run, &mut turn) {
            steps::run(run, &mut turn)?
        } else {
            Next::Go
        };
        let (failed, halts) = (job.status == JobStatus::Failed, job.halts);
        run.show(job);
        match next {
            Next::Wait => return Ok(true),
            Next::Go if failed && halts => {
                leave_out(
                    run,
                    jobs,
                    index,
                    JobStatus::Canceled,
                    Some(Detail::StepCanceledByFailure),
                );
                break;
            }
            Next::Go => {}
            Next::Stop(status) => {
                leave_out(run, jobs, index, status, None);
                break;
            }
        }
    }
    Ok(false)
}

/// The steps after this one do not run.
fn leave_out(run: &mut Run<'_>, jobs: &mut [Job], index: usize, status: JobStatus, why: Option<Detail>) {
    for job in jobs
        .iter_mut()
        .skip(index + 1)
        .filter(|job| job.status == JobStatus::Pending)
    {
        job.status = status;
        if let Some(why) = why {
            run.tell(job, NewTrace::new(why, TraceStatus::Failed));
        }
    }
}
