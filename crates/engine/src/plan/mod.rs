//! Planning: from an event to notifications, jobs, messages and deliveries, exactly once for each subscriber.
//!
//! An event with many recipients is planned in chunks, each one commit that also moves the task on: a crash repeats at
//! most the chunk that was not committed. Who is in a chunk is read when its turn comes (`stream`).

pub(crate) mod known;
mod people;
mod rehearse;
mod stream;

use std::collections::HashMap;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, StepType};
use campanile_store::events::Event;
use campanile_store::notifications::{Job, Notification};
use campanile_store::subscribers::Subscriber;
use campanile_store::tasks::{Again, Task};
use campanile_store::traces::NewTrace;
use campanile_store::workflows::Step;
use campanile_store::{Batch, Store};
use serde_json::{Map, Value, json};

use crate::deliver::integrations::Integrations;
use crate::recipients::{Recipient, Recipients};
use crate::run::{Run, View, steps};
use crate::task::{Plan, payload};
use crate::workflows::Prepared;
use crate::{Engine, Interrupted, render};

pub(crate) use known::{Known, know};
use people::store_recipient;
pub use rehearse::Rehearsal;

/// A task that plans, with what it plans.
pub(crate) struct Planned {
    pub(crate) task: Task,
    pub(crate) part: Part,
}

/// One event to be planned, as far as its next chunk.
pub(crate) struct Part {
    event: Event,
    recipients: Recipients,
    /// Whether nothing of it was planned before.
    begins: bool,
    chunk: stream::Chunk,
}

/// Reads the events of claimed tasks and who is next of their recipients. Tasks whose event is gone are returned apart.
pub(crate) async fn read(
    engine: &Engine,
    ctx: &Ctx,
    tasks: Vec<Task>,
) -> Result<(Vec<Planned>, Vec<Task>), Interrupted> {
    let mut wanted = Vec::new();
    let mut gone = Vec::new();
    for task in tasks {
        match serde_json::from_str::<Plan>(&task.payload)
            .ok()
            .and_then(|plan| Some((plan.event.parse::<Id>().ok()?, plan)))
        {
            Some((event, plan)) => wanted.push((task, event, plan)),
            None => gone.push(task),
        }
    }
    let ids: Vec<Id> = wanted.iter().map(|(_, event, _)| *event).collect();
    let events = engine.store().events(ctx, ids).await?;
    let mut events: HashMap<Id, Event> = events.into_iter().map(|event| (event.id, event)).collect();
    let mut planned = Vec::new();
    for (task, id, plan) in wanted {
        let event = events.remove(&id);
        let recipients: Option<Recipients> = event
            .as_ref()
            .and_then(|event| serde_json::from_str(&event.recipients).ok());
        match (event, recipients) {
            (Some(event), Some(recipients)) => {
                let chunk = stream::chunk(engine, ctx, &event, &recipients, &plan).await?;
                let begins = plan.begins();
                let part = Part {
                    event,
                    recipients,
                    begins,
                    chunk,
                };
                planned.push(Planned { task, part });
            }
            _ => gone.push(task),
        }
    }
    Ok((planned, gone))
}

/// What all recipients of an event have in common.
struct Shared<'a> {
    engine: &'a Engine,
    ctx: &'a Ctx,
    plan: &'a Part,
    known: &'a Known,
    prepared: &'a Prepared,
    integrations: &'a Integrations,
    env: &'a Value,
    payload: Value,
    overrides: Value,
    /// Who caused it, as templates see them.
    actor: Option<Value>,
}

/// Plans one chunk of an event; the deliveries that this process goes on with at once.
pub(crate) async fn run(engine: &Engine, planned: &Planned, known: &Known) -> Result<Vec<Task>, Interrupted> {
    let ctx = planned.task.ctx();
    let store = engine.store();
    let mut batch = Batch::background();
    let Some(prepared) = engine.workflow_by_id(&ctx, planned.part.event.workflow_id).await? else {
        // The workflow was deleted after the event was accepted: there is nothing to plan any more.
        store.complete_task(&mut batch, &planned.task);
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let handed_on = chunk(engine, &ctx, &mut batch, &planned.part, known, &prepared).await?;
    if !engine.inner.triggered.contains_key(&prepared.workflow.id) {
        engine.inner.triggered.insert(prepared.workflow.id, ());
        store.mark_triggered(&mut batch, &ctx, prepared.workflow.id);
    }
    match &planned.part.chunk.rest {
        None => store.complete_task(&mut batch, &planned.task),
        Some(rest) => store.reschedule_task(&mut batch, &planned.task, &Again::At(store.now()), &payload(rest)),
    }
    // Should somebody have planned one of them before, it is run again without them.
    store.commit(batch).await?;
    Ok(handed_on)
}

/// Adds all that a chunk makes.
async fn chunk(
    engine: &Engine,
    ctx: &Ctx,
    batch: &mut Batch,
    plan: &Part,
    known: &Known,
    prepared: &Prepared,
) -> Result<Vec<Task>, Interrupted> {
    let store = engine.store();
    let shared = Shared {
        engine,
        ctx,
        plan,
        known,
        prepared,
        integrations: &*engine.integrations(ctx).await?,
        env: &*engine.environment_values(ctx).await?,
        payload: serde_json::from_str(&plan.event.payload).unwrap_or(Value::Null),
        overrides: serde_json::from_str(&plan.event.overrides).unwrap_or(Value::Null),
        actor: plan
            .recipients
            .actor
            .as_ref()
            .map(|actor| people::as_actor(actor, known)),
    };
    if plan.begins
        && let Some(actor) = &plan.recipients.actor
        && !plan.chunk.named.iter().any(|recipient| recipient.id == actor.id)
    {
        store_recipient(engine, batch, ctx, actor, known, shared.integrations)?;
    }
    for key in &plan.chunk.missing {
        let trace = NewTrace::new(Detail::TopicNotFound, TraceStatus::Warning);
        let trace = trace.raw(json!({ "topicKey": key }));
        store.trace(batch, ctx, plan.event.id, 0, trace);
    }
    let mut handed_on = Vec::new();
    for recipient in &plan.chunk.named {
        handed_on.extend(shared.notify(batch, recipient).await?);
    }
    for found in &plan.chunk.found {
        let recipient = Recipient {
            id: found.subscriber_id.clone(),
            profile: Map::new(),
            channels: Vec::new(),
        };
        handed_on.extend(shared.notify(batch, &recipient).await?);
    }
    Ok(handed_on)
}

impl Shared<'_> {
    /// Adds the notification of one recipient and all that its steps make at once, unless there is one already.
    async fn notify(&self, batch: &mut Batch, recipient: &Recipient) -> Result<Vec<Task>, Interrupted> {
        let Self {
            engine,
            ctx,
            plan,
            known,
            prepared,
            ..
        } = *self;
        let store = engine.store();
        let (subscriber, own_legacy) = store_recipient(engine, batch, ctx, recipient, known, self.integrations)?;
        if known.planned.contains(&(plan.event.id, subscriber.id)) {
            return Ok(Vec::new());
        }
        let data = render::data(&render::Sources {
            workflow: &prepared.workflow,
            subscriber: &subscriber,
            actor: self.actor.as_ref(),
            payload: &self.payload,
            contexts: &known.contexts,
            keys: plan.event.contexts.keys(),
            env: self.env,
        });
        let notification = notification(engine, plan, prepared, &subscriber, &self.overrides);
        if !self.lets_through(batch, &notification, &data) {
            return Ok(Vec::new());
        }
        let mut jobs = jobs(store, &notification, prepared);
        if notification.severity != prepared.workflow.severity {
            let trace = NewTrace::new(Detail::SeverityOverridden, TraceStatus::Success)
                .raw(json!({ "from": prepared.workflow.severity, "to": notification.severity }));
            store.trace(batch, ctx, notification.id, 0, trace);
        }
        for job in jobs.iter().skip(1) {
            let trace = NewTrace::new(Detail::StepCreated, TraceStatus::Success);
            store.trace(batch, ctx, notification.id, job.position, trace);
        }
        let place = (subscriber.id, plan.event.contexts.stored());
        let targets = known.targets.get(&place);
        let view = View {
            engine,
            ctx,
            prepared,
            notification: &notification,
            subscriber: &subscriber,
            targets: targets.map(Vec::as_slice).unwrap_or_default(),
            legacy: &own_legacy,
            preferences: known.preferences.get(&place),
            integrations: self.integrations,
            overrides: &self.overrides,
            payload: &self.payload,
            hands_on: plan.recipients.to.len() == 1 && !plan.recipients.is_stream(),
        };
        let mut run = Run {
            view: &view,
            batch: &mut *batch,
            data,
            own: None,
            handed_on: Vec::new(),
        };
        let mut waits = steps(&mut run, &mut jobs, 1)?;
        if run.batch.is_rehearsal() {
            waits = rehearse::go_on(&mut run, &mut jobs, waits).await?;
        }
        let handed_on = run.handed_on;
        let finished_at = (!waits).then(|| store.now());
        store.insert_notification(
            batch,
            ctx,
            &Notification {
                finished_at,
                ..notification
            },
        );
        for job in &jobs {
            store.insert_job(batch, ctx, job);
        }
        Ok(handed_on)
    }

    /// Whether the subscriber's own rules for the topic let the event through. What they decide is told: of the
    /// notification, or of the event when there is none.
    fn lets_through(&self, batch: &mut Batch, notification: &Notification, data: &Value) -> bool {
        let chunk = &self.plan.chunk;
        let (Some(topic), Some(rules)) = (&chunk.topic, chunk.rules.get(&notification.subscriber_id)) else {
            return true;
        };
        let store = self.engine.store();
        let passes = stream::lets_through(rules, notification.workflow_id, data, store.now());
        let (about, status) = if passes {
            (notification.id, TraceStatus::Success)
        } else {
            (self.plan.event.id, TraceStatus::Warning)
        };
        let trace = NewTrace::new(Detail::SubscriptionEvaluated, status).raw(json!({
            "topicKey": topic.key,
            "subscriberId": notification.recipient,
            "subscriptions": rules.len(),
            "passed": passes,
        }));
        store.trace(batch, self.ctx, about, 0, trace);
        passes
    }
}

fn notification(
    engine: &Engine,
    plan: &Part,
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
        critical: prepared.offer.is_critical(),
        topic: plan.chunk.topic.clone(),
        created_at: now,
        updated_at: now,
        finished_at: None,
    }
}

/// The synthetic trigger job and one job for each step.
fn jobs(store: &Store, notification: &Notification, prepared: &Prepared) -> Vec<Job> {
    let job = |position: i64, step_id: &str, step: Value, kind: StepType, status: JobStatus, halts: bool| Job {
        notification_id: notification.id,
        position,
        id: store.new_id(),
        step_id: step_id.to_owned(),
        step,
        kind,
        status,
        provider_id: None,
        halts,
        output: None,
        reason: None,
        due_at: None,
        extensions: 0,
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
        false,
    );
    let steps = prepared.workflow.steps.iter().zip(1i64..).map(|(step, position)| {
        let snapshot = json!({ "id": step.id, "stepId": step.step_id, "name": step.name, "type": step.kind });
        let halts = halts(step);
        job(position, &step.step_id, snapshot, step.kind, JobStatus::Pending, halts)
    });
    std::iter::once(trigger).chain(steps).collect()
}

/// Whether the steps after this one make no sense when it fails (engine.md d.3): those that wait or ask decide what the
/// later ones get.
fn halts(step: &Step) -> bool {
    let says = |name: &str| step.control_values.get(name) == Some(&Value::Bool(true));
    match step.kind {
        StepType::Digest | StepType::Delay | StepType::Throttle => true,
        StepType::HttpRequest => !says("continueOnFailure"),
        _ => false,
    }
}
