//! A trigger's dry run: planned as it would be, by the same code, and written nowhere.

use std::collections::HashMap;

use campanile_model::channel::JobStatus;
use campanile_model::context::NamedContext;
use campanile_model::{Ctx, Error};
use campanile_store::contexts::Context;
use campanile_store::events::Event;
use campanile_store::notifications::Job;
use campanile_store::rehearsal::Rehearsed;
use campanile_store::{Batch, StoreError};

use super::{Part, chunk, know, stream};
use crate::accept::Trigger;
use crate::run::{Run, steps};
use crate::steps::waiting;
use crate::{Engine, Interrupted};

/// How a job stands that goes on by itself, later.
const WAITS: [JobStatus; 3] = [JobStatus::Delayed, JobStatus::Queued, JobStatus::Running];

/// What would become of a trigger.
pub struct Rehearsal {
    /// The event that would be stored.
    pub event: Event,
    /// Those it was rehearsed for, by the caller's ids.
    pub recipients: Vec<String>,
    /// Whether there are more recipients than these.
    pub has_more: bool,
    /// What would be stored.
    pub rows: Rehearsed,
}

impl Engine {
    /// Plans a trigger without writing anything: for its first recipients, at most as many as one commit plans, or for
    /// `only` one of them.
    pub async fn rehearse(&self, ctx: &Ctx, trigger: &Trigger, only: Option<&str>) -> Result<Rehearsal, Error> {
        let (event, _) = self.event(ctx, trigger);
        let recipients = trigger.recipients.clone();
        let chunk_of = match only {
            Some(id) => stream::only(self, ctx, &event, &recipients, id).await?,
            None => stream::first(self, ctx, &event, &recipients).await?,
        };
        let named = chunk_of.named.iter().map(|one| one.id.clone());
        let found = chunk_of.found.iter().map(|one| one.subscriber_id.clone());
        let (ids, has_more) = (named.chain(found).collect(), chunk_of.rest.is_some());
        let part = Part {
            event,
            recipients,
            begins: true,
            chunk: chunk_of,
        };
        let mut known = know(self, ctx, &[&part], false).await?;
        known
            .contexts
            .extend(new_contexts(self, &trigger.contexts, &known.contexts));
        let mut batch = Batch::rehearsal();
        let planned = chunk(self, ctx, &mut batch, &part, &known, &trigger.workflow).await;
        planned.map_err(|interrupted| match interrupted {
            Interrupted::Failed(error) => error,
            // Both come from commits, and there is none.
            Interrupted::LeaseLost | Interrupted::Raced => Error::internal("A dry run was interrupted"),
        })?;
        Ok(Rehearsal {
            event: part.event,
            recipients: ids,
            has_more,
            rows: batch.into_rehearsed(),
        })
    }
}

/// The contexts that the trigger would create.
fn new_contexts(engine: &Engine, named: &[NamedContext], there: &HashMap<String, Context>) -> Vec<(String, Context)> {
    let store = engine.store();
    let missing = named.iter().filter(|context| !there.contains_key(&context.key()));
    missing
        .map(|context| (context.key(), store.new_context(context)))
        .collect()
}

/// Goes on where a notification would by tasks that run at once: after what was handed to delivery, and in turns of
/// their own. What waits for its time, or for an answer, ends the rehearsal; whether anything waits.
pub(super) async fn go_on(run: &mut Run<'_>, jobs: &mut [Job], waits: bool) -> Result<bool, StoreError> {
    let is_passed = |job: &Job| job.kind.channel().is_some() || !WAITS.contains(&job.status);
    // Each round passes one job at least.
    for _ in 0..jobs.len() {
        let next = jobs.iter().position(|job| job.status == JobStatus::Pending);
        let Some(next) = next.filter(|_| waits && jobs.iter().all(is_passed)) else {
            break;
        };
        run.own = waiting::read(run, jobs, next).await?;
        steps(run, jobs, next)?;
    }
    Ok(waits)
}
