//! Planning: from an event to notifications, jobs, messages and deliveries, exactly once for each subscriber.
//!
//! An event with many recipients is planned in chunks, each one commit that also moves the task on: a crash repeats at
//! most the chunk that was not committed.

pub(crate) mod known;
mod people;

use std::collections::HashMap;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, StepType};
use campanile_store::events::Event;
use campanile_store::notifications::{Job, Notification, PLANNED};
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::{Again, Task};
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, Store};
use serde_json::{Value, json};

use crate::recipients::{Recipient, Recipients};
use crate::run::{Run, View, steps};
use crate::task::{PlanV1, payload};
use crate::workflows::Prepared;
use crate::{Engine, Interrupted, render};

pub(crate) use known::{Known, know};
use people::store_recipient;

/// Recipients planned in one commit.
const CHUNK: usize = 100;

/// One event to be planned.
pub(crate) struct Planned {
    pub(crate) task: Task,
    pub(crate) from: usize,
    pub(crate) event: Event,
    pub(crate) recipients: Recipients,
}

impl Planned {
    fn chunk(&self) -> &[Recipient] {
        let end = (self.from + CHUNK).min(self.recipients.to.len());
        self.recipients.to.get(self.from..end).unwrap_or_default()
    }
}

/// Reads the events of claimed tasks. Tasks whose event is gone are returned apart.
pub(crate) async fn read(
    engine: &Engine,
    ctx: &Ctx,
    tasks: Vec<Task>,
) -> Result<(Vec<Planned>, Vec<Task>), Interrupted> {
    let mut wanted = Vec::new();
    let mut gone = Vec::new();
    for task in tasks {
        match serde_json::from_str::<PlanV1>(&task.payload)
            .ok()
            .and_then(|plan| Some((plan.event.parse().ok()?, plan.from)))
        {
            Some((event, from)) => wanted.push((task, event, from)),
            None => gone.push(task),
        }
    }
    let ids: Vec<Id> = wanted.iter().map(|(_, event, _)| *event).collect();
    let events = engine.store().events(ctx, ids).await?;
    let mut events: HashMap<Id, Event> = events.into_iter().map(|event| (event.id, event)).collect();
    let mut planned = Vec::new();
    for (task, id, from) in wanted {
        let event = events.remove(&id);
        let recipients = event
            .as_ref()
            .and_then(|event| serde_json::from_str(&event.recipients).ok());
        match (event, recipients) {
            (Some(event), Some(recipients)) => planned.push(Planned {
                task,
                from,
                event,
                recipients,
            }),
            _ => gone.push(task),
        }
    }
    Ok((planned, gone))
}

/// Plans one chunk of an event; the deliveries that this process goes on with at once.
pub(crate) async fn run(engine: &Engine, plan: &Planned, known: &Known) -> Result<Vec<Task>, Interrupted> {
    let ctx = plan.task.ctx();
    let store = engine.store();
    let mut batch = Batch::background();
    let Some(prepared) = engine.workflow_by_id(&ctx, plan.event.workflow_id).await? else {
        // The workflow was deleted after the event was accepted: there is nothing to plan any more.
        store.complete_task(&mut batch, &plan.task);
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let integrations = engine.integrations(&ctx).await?;
    let payload_value: Value = serde_json::from_str(&plan.event.payload).unwrap_or(Value::Null);
    let overrides: Value = serde_json::from_str(&plan.event.overrides).unwrap_or(Value::Null);
    let mut handed_on = Vec::new();
    if plan.from == 0
        && let Some(actor) = &plan.recipients.actor
        && !plan.chunk().iter().any(|recipient| recipient.id == actor.id)
    {
        store_recipient(engine, &mut batch, &ctx, actor, known, &integrations)?;
    }
    let hands_on = plan.recipients.to.len() == 1;
    for recipient in plan.chunk() {
        let (subscriber, own_legacy) = store_recipient(engine, &mut batch, &ctx, recipient, known, &integrations)?;
        let notification = notification(engine, plan, &prepared, &subscriber, &overrides);
        let mut jobs = jobs(store, &notification, &prepared);
        for job in jobs.iter().skip(1) {
            let trace = NewTrace::new(Detail::StepCreated, TraceStatus::Success);
            store.trace(&mut batch, &ctx, notification.id, job.position, trace);
        }
        let set = plan.event.contexts.stored();
        let targets = known.targets.get(&(subscriber.id, set));
        let view = View {
            engine,
            ctx: &ctx,
            prepared: &prepared,
            notification: &notification,
            subscriber: &subscriber,
            targets: targets.map(Vec::as_slice).unwrap_or_default(),
            legacy: &own_legacy,
            integrations: &integrations,
            overrides: &overrides,
            payload: &payload_value,
            hands_on,
            own_turn: false,
        };
        let data = render::data(
            &prepared.workflow,
            &subscriber,
            &payload_value,
            &known.contexts,
            plan.event.contexts.keys(),
        );
        let mut run = Run {
            view: &view,
            batch: &mut batch,
            data,
            handed_on: Vec::new(),
        };
        let waits = steps(&mut run, &mut jobs, 1)?;
        handed_on.append(&mut run.handed_on);
        let finished_at = (!waits).then(|| store.now());
        store.insert_notification(
            &mut batch,
            &ctx,
            &Notification {
                finished_at,
                ..notification
            },
        );
        for job in &jobs {
            store.insert_job(&mut batch, &ctx, job);
        }
    }
    if !engine.inner.triggered.contains_key(&prepared.workflow.id) {
        engine.inner.triggered.insert(prepared.workflow.id, ());
        store.mark_triggered(&mut batch, &ctx, prepared.workflow.id);
    }
    let next = plan.from + plan.chunk().len();
    if next >= plan.recipients.to.len() {
        store.complete_task(&mut batch, &plan.task);
    } else {
        let rest = PlanV1 {
            event: plan.event.id.to_string(),
            from: next,
        };
        store.reschedule_task(&mut batch, &plan.task, &Again::At(store.now()), &payload(&rest));
    }
    match store.commit(batch).await {
        Ok(_) => Ok(handed_on),
        Err(error) if error.is_conflict(PLANNED) => {
            // Somebody planned this chunk before: there is nothing left to do here.
            let mut batch = Batch::background();
            store.complete_task(&mut batch, &plan.task);
            store.commit(batch).await?;
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn notification(
    engine: &Engine,
    plan: &Planned,
    prepared: &Prepared,
    subscriber: &Subscriber,
    overrides: &Value,
) -> Notification {
    let now = engine.store().now();
    let mut channels: Vec<String> = Vec::new();
    for step in &prepared.workflow.steps {
        if !channels.iter().any(|known| known == step.kind.wire()) {
            channels.push(step.kind.wire().to_owned());
        }
    }
    let severity = overrides["severity"]
        .as_str()
        .and_then(campanile_model::channel::Severity::parse);
    Notification {
        id: engine.store().new_id(),
        event_id: plan.event.id,
        transaction_id: plan.event.transaction_id.clone(),
        workflow_id: plan.event.workflow_id,
        subscriber_id: subscriber.id,
        recipient: subscriber.subscriber_id.clone(),
        contexts: plan.event.contexts.clone(),
        channels,
        tags: prepared.workflow.tags.clone(),
        severity: severity.unwrap_or(prepared.workflow.severity),
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}

/// The synthetic trigger job and one job for each step.
fn jobs(store: &Store, notification: &Notification, prepared: &Prepared) -> Vec<Job> {
    let job = |position: i64, step_id: &str, step: Value, kind: StepType, status: JobStatus| Job {
        notification_id: notification.id,
        position,
        id: store.new_id(),
        step_id: step_id.to_owned(),
        step,
        kind,
        status,
        provider_id: None,
        // The steps that wait or ask decide what the later ones get: without them these make no sense (engine.md d.3).
        halts: matches!(
            kind,
            StepType::Digest | StepType::Delay | StepType::Throttle | StepType::HttpRequest
        ),
        output: None,
        reason: None,
        due_at: None,
        open_first: 0,
        open: 0,
        sent: 0,
        created_at: notification.created_at,
        updated_at: notification.created_at,
    };
    let trigger = job(
        0,
        "",
        json!({ "type": "trigger" }),
        StepType::Trigger,
        JobStatus::Completed,
    );
    let steps = prepared.workflow.steps.iter().zip(1i64..).map(|(step, position)| {
        let snapshot = json!({ "id": step.id, "stepId": step.step_id, "name": step.name, "type": step.kind });
        job(position, &step.step_id, snapshot, step.kind, JobStatus::Pending)
    });
    std::iter::once(trigger).chain(steps).collect()
}
