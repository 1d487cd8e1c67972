//! Planning: from an event to notifications, jobs, messages and deliveries, exactly once for each subscriber.
//!
//! An event with many recipients is planned in chunks, each one commit that also moves the task on: a crash repeats at
//! most the chunk that was not committed.

use std::collections::HashMap;
use std::sync::Arc;

use campanile_model::channel::{JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Channel, Ctx, Id, StepType};
use campanile_store::contexts::Context;
use campanile_store::deliveries::NewDelivery;
use campanile_store::events::Event;
use campanile_store::messages::Message;
use campanile_store::notifications::{Job, Notification, PLANNED};
use campanile_store::subscribers::{Subscriber, SubscriberChannel};
use campanile_store::tasks::{Again, NewTask, Task};
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, StoreError};
use serde_json::{Map, Value, json};

use crate::deliver::integrations::Integrations;
use crate::recipients::{Recipient, Recipients, merged_profile};
use crate::steps::chat;
use crate::task::{AdvanceV1, DELIVER, DeliverV1, PlanV1, payload};
use crate::workflows::Prepared;
use crate::{EXPIRY, Engine, Interrupted, render};

/// Recipients planned in one commit.
const CHUNK: usize = 100;
/// A plan that makes no more deliveries than this hands them to its own process; more go through the queue, so that
/// others have their turn.
const HANDED_ON: usize = 8;

/// The reads that the plans of several events share.
#[derive(Default)]
pub(crate) struct Known {
    subscribers: HashMap<String, Subscriber>,
    /// By subscriber and context set.
    targets: HashMap<(Id, String), Vec<chat::Target>>,
    legacy: HashMap<Id, Vec<(SubscriberChannel, chat::Legacy)>>,
    contexts: HashMap<String, Context>,
}

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

/// Reads what these plans need, each kind of thing in one query.
pub(crate) async fn know(engine: &Engine, ctx: &Ctx, plans: &[&Planned]) -> Result<Known, StoreError> {
    let store = engine.store();
    let mut names: Vec<String> = plans
        .iter()
        .flat_map(|plan| {
            plan.chunk()
                .iter()
                .chain(&plan.recipients.actor)
                .map(|recipient| recipient.id.clone())
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let subscribers = store.subscribers_named(ctx, names).await?;
    let ids: Vec<Id> = subscribers.iter().map(|subscriber| subscriber.id).collect();
    let mut sets: Vec<String> = plans.iter().map(|plan| plan.event.contexts.stored()).collect();
    sets.sort_unstable();
    sets.dedup();
    let keys: Vec<String> = plans
        .iter()
        .flat_map(|plan| plan.event.contexts.keys().to_vec())
        .collect();
    let all_targets = futures_util::future::join_all(sets.iter().map(|set| targets(engine, ctx, ids.clone(), set)));
    let (all_targets, legacy, contexts) = futures_util::future::join3(
        all_targets,
        legacy(engine, ctx, ids.clone()),
        contexts(engine, ctx, keys),
    )
    .await;
    let mut known = Known {
        legacy: legacy?,
        contexts: contexts?,
        ..Known::default()
    };
    for (set, found) in sets.iter().zip(all_targets) {
        for (id, target) in found? {
            known.targets.entry((id, set.clone())).or_default().push(target);
        }
    }
    known.subscribers = subscribers
        .into_iter()
        .map(|one| (one.subscriber_id.clone(), one))
        .collect();
    Ok(known)
}

async fn targets(engine: &Engine, ctx: &Ctx, ids: Vec<Id>, set: &str) -> Result<Vec<(Id, chat::Target)>, StoreError> {
    let endpoints = engine.store().endpoints_of(ctx, ids, set).await?;
    Ok(endpoints
        .into_iter()
        .filter(|endpoint| endpoint.integration_active && endpoint.channel == Some(Channel::Chat))
        .map(|endpoint| {
            let target = chat::Target {
                id: endpoint.id,
                identifier: endpoint.identifier,
                integration_id: endpoint.integration_id,
                kind: endpoint.kind,
            };
            (endpoint.subscriber, target)
        })
        .collect())
}

type Channels = HashMap<Id, Vec<(SubscriberChannel, chat::Legacy)>>;

async fn legacy(engine: &Engine, ctx: &Ctx, ids: Vec<Id>) -> Result<Channels, StoreError> {
    let mut legacy = Channels::new();
    for channel in engine.store().subscriber_channels(ctx, ids).await? {
        let one = chat::Legacy {
            integration_id: channel.integration_id,
            provider_id: channel.provider_id.clone(),
            credentials: engine.store().open_channel(&channel)?,
        };
        legacy.entry(channel.subscriber).or_default().push((channel, one));
    }
    Ok(legacy)
}

fn is_chat(provider_id: &str) -> bool {
    campanile_providers::catalogue::find(provider_id).is_some_and(|provider| provider.channel.as_str() == "chat")
}

async fn contexts(engine: &Engine, ctx: &Ctx, mut keys: Vec<String>) -> Result<HashMap<String, Context>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    keys.sort_unstable();
    keys.dedup();
    let found = engine.store().contexts_keyed(ctx, &keys).await?;
    Ok(found.into_iter().map(|context| (context.key(), context)).collect())
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
        let mut jobs = jobs(engine, &notification, &prepared);
        let data = render::data(
            &prepared.workflow,
            &subscriber,
            &payload_value,
            &known.contexts,
            plan.event.contexts.keys(),
        );
        let set = plan.event.contexts.stored();
        let view = View {
            prepared: &prepared,
            notification: &notification,
            targets: known
                .targets
                .get(&(subscriber.id, set))
                .map(Vec::as_slice)
                .unwrap_or_default(),
            legacy: &own_legacy,
            phone: subscriber.field("phone"),
            integrations: &integrations,
            overrides: &overrides,
            payload: &payload_value,
            data: &data,
            hands_on,
        };
        for job in jobs.iter().skip(1) {
            let trace = NewTrace::new(Detail::StepCreated, TraceStatus::Success);
            store.trace(&mut batch, &ctx, notification.id, job.position, trace);
        }
        let ran = steps(engine, &mut batch, &ctx, &view, &mut jobs, 1)?;
        let finished_at = (!ran.waits).then(|| store.now());
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
        handed_on.extend(ran.handed_on);
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

/// Adds the recipient's upsert; the subscriber as it will be, and their legacy channels with those that were given.
fn store_recipient(
    engine: &Engine,
    batch: &mut Batch,
    ctx: &Ctx,
    recipient: &Recipient,
    known: &Known,
    integrations: &Integrations,
) -> Result<(Subscriber, Vec<chat::Legacy>), StoreError> {
    let store = engine.store();
    let stored = known.subscribers.get(&recipient.id);
    let profile = merged_profile(stored.map(|subscriber| &subscriber.profile), &recipient.profile);
    let mut subscriber = match stored {
        None => {
            let subscriber = store.new_subscriber(recipient.id.as_str(), profile);
            store.insert_subscriber(batch, ctx, &subscriber);
            subscriber
        }
        Some(stored) if stored.profile == profile => stored.clone(),
        Some(stored) => {
            store.update_subscriber(batch, ctx, stored, &profile);
            Subscriber {
                profile,
                ..stored.clone()
            }
        }
    };
    let read = known.legacy.get(&subscriber.id).map(Vec::as_slice).unwrap_or_default();
    let mut legacy: Vec<chat::Legacy> = read
        .iter()
        .filter(|(channel, _)| is_chat(&channel.provider_id))
        .map(|(_, one)| one.clone())
        .collect();
    for channel in &recipient.channels {
        let provider = channel["providerId"].as_str().unwrap_or_default();
        let identifier = channel["integrationIdentifier"].as_str();
        let integration = integrations
            .all
            .iter()
            .rev()
            .filter(|one| one.active && one.provider_id == provider)
            .find(|one| identifier.is_none_or(|identifier| one.identifier == identifier));
        let (Some(integration), Some(given)) = (integration, channel["credentials"].as_object()) else {
            continue;
        };
        let stored = read
            .iter()
            .find(|(channel, _)| channel.integration_id == integration.id);
        let mut credentials = stored.map_or_else(Map::new, |(_, one)| one.credentials.clone());
        credentials.extend(given.clone());
        let stored = stored.map(|(channel, _)| channel);
        store.put_channel(batch, ctx, &mut subscriber, integration, stored, &credentials)?;
        let one = chat::Legacy {
            integration_id: integration.id,
            provider_id: provider.to_owned(),
            credentials,
        };
        legacy.retain(|known| known.integration_id != integration.id);
        if is_chat(provider) {
            legacy.push(one);
        }
    }
    Ok((subscriber, legacy))
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
fn jobs(engine: &Engine, notification: &Notification, prepared: &Prepared) -> Vec<Job> {
    let job = |position: i64, step_id: &str, step: Value, kind: StepType, status: JobStatus| Job {
        notification_id: notification.id,
        position,
        id: engine.store().new_id(),
        step_id: step_id.to_owned(),
        step,
        kind,
        status,
        provider_id: None,
        halts: false,
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

/// What the steps of one notification see.
struct View<'a> {
    prepared: &'a Prepared,
    notification: &'a Notification,
    targets: &'a [chat::Target],
    legacy: &'a [chat::Legacy],
    phone: Option<&'a str>,
    integrations: &'a Integrations,
    overrides: &'a Value,
    payload: &'a Value,
    data: &'a Value,
    hands_on: bool,
}

/// How far the steps came.
struct Ran {
    /// A step waits for its deliveries.
    waits: bool,
    handed_on: Vec<Task>,
}

/// Runs the steps from this place on, up to the first that waits. Jobs are changed in memory; the caller stores them.
fn steps(
    engine: &Engine,
    batch: &mut Batch,
    ctx: &Ctx,
    view: &View<'_>,
    jobs: &mut [Job],
    from: usize,
) -> Result<Ran, StoreError> {
    let next_jobs: Vec<(Id, i64)> = jobs.iter().map(|job| (job.id, job.position)).collect();
    for index in from..jobs.len() {
        let next = next_jobs
            .get(index + 1)
            .map(|(id, position)| (id.to_string(), *position));
        let Some(job) = jobs.get_mut(index) else { break };
        if job.status != JobStatus::Pending {
            continue;
        }
        let at = view
            .prepared
            .workflow
            .steps
            .iter()
            .position(|step| step.step_id == job.step_id);
        let mut tell = |trace: NewTrace| {
            engine
                .store()
                .trace(batch, ctx, view.notification.id, job.position, trace);
        };
        let Some(at) = at else {
            tell(NewTrace::new(Detail::StepGone, TraceStatus::Warning));
            job.status = JobStatus::Canceled;
            continue;
        };
        if job.kind != StepType::Chat {
            tell(NewTrace::new(Detail::StepNotExecutable, TraceStatus::Warning).raw(json!({ "type": job.kind })));
            job.status = JobStatus::Canceled;
            continue;
        }
        tell(NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
        let text = match render::controls(view.prepared, at, view.data, engine.store().now()) {
            Ok(controls) => chat::text(&controls),
            Err(problem) => {
                let trace = NewTrace::new(Detail::MessageContentNotGenerated, TraceStatus::Failed);
                tell(trace.raw(json!({ "message": problem })));
                job.status = JobStatus::Failed;
                continue;
            }
        };
        let output = chat::plan(&chat::Input {
            step_id: &job.step_id,
            targets: view.targets,
            legacy: view.legacy,
            phone: view.phone,
            integrations: &view.integrations.all,
            overrides: view.overrides,
            payload: view.payload,
            has_contexts: !view.notification.contexts.is_empty(),
        });
        let failed = output.traces.iter().any(|trace| trace.status == TraceStatus::Failed);
        for trace in output.traces {
            tell(trace);
        }
        if output.groups.is_empty() {
            job.status = if failed { JobStatus::Failed } else { JobStatus::Canceled };
            continue;
        }
        let handed_on = messages(engine, batch, ctx, view, job, output.groups, &text, next.as_ref())?;
        return Ok(Ran { waits: true, handed_on });
    }
    Ok(Ran {
        waits: false,
        handed_on: Vec::new(),
    })
}

#[expect(clippy::too_many_arguments, reason = "one call, and each of them is something else")]
fn messages(
    engine: &Engine,
    batch: &mut Batch,
    ctx: &Ctx,
    view: &View<'_>,
    job: &mut Job,
    groups: Vec<chat::Group>,
    text: &str,
    next: Option<&(String, i64)>,
) -> Result<Vec<Task>, StoreError> {
    let store = engine.store();
    let now = store.now();
    let count: usize = groups.iter().map(|group| group.deliveries.len()).sum();
    let hands_on = view.hands_on && count <= HANDED_ON;
    let mut handed_on = Vec::new();
    job.status = JobStatus::Queued;
    job.provider_id = groups.first().map(|group| group.provider_id.clone());
    job.open = i64::try_from(count).unwrap_or(i64::MAX);
    job.open_first = job.open;
    for group in groups {
        let message = Message {
            id: store.new_id(),
            event_id: view.notification.event_id,
            notification_id: view.notification.id,
            position: job.position,
            workflow_id: view.notification.workflow_id,
            transaction_id: view.notification.transaction_id.clone(),
            subscriber_id: view.notification.subscriber_id,
            contexts: view.notification.contexts.clone(),
            channel: Channel::Chat,
            provider_id: group.provider_id.clone(),
            integration_id: group.integration_id,
            content: text.to_owned(),
            overrides: group.overrides,
            channel_data: group.deliveries.iter().map(|delivery| delivery.shown.clone()).collect(),
            status: MessageStatus::Warning,
            error_id: None,
            error_text: None,
            expires_at: now.plus(EXPIRY),
            created_at: now,
            updated_at: now,
        };
        store.insert_message(batch, ctx, &message, group.deliveries.len())?;
        let selected = NewTrace::new(Detail::IntegrationSelected, TraceStatus::Success)
            .provider(&group.provider_id)
            .raw(json!({ "integrationId": group.integration_id, "providerId": group.provider_id }));
        store.trace(batch, ctx, view.notification.id, job.position, selected);
        let created = NewTrace::new(Detail::MessageCreated, TraceStatus::Pending)
            .provider(&group.provider_id)
            .raw(json!({ "messageId": message.id, "channelData": message.channel_data }));
        store.trace(batch, ctx, view.notification.id, job.position, created);
        for planned in group.deliveries {
            let delivery = NewDelivery {
                id: store.new_id(),
                message_id: message.id,
                integration_id: group.integration_id,
                endpoint_id: planned.endpoint,
                address: planned.address,
                expires_at: message.expires_at,
            };
            store.insert_delivery(batch, ctx, &delivery)?;
            let asked = DeliverV1 {
                message: message.id.to_string(),
                delivery: delivery.id.to_string(),
                notification: view.notification.id.to_string(),
                position: job.position,
                tried: false,
                next: next.cloned(),
            };
            let task = NewTask {
                lane: planned.lane,
                kind: DELIVER,
                payload: payload(&asked),
                run_at: now,
                id: store.new_id(),
            };
            if hands_on {
                handed_on.push(store.enqueue_claimed(batch, ctx, task));
            } else {
                store.enqueue(batch, ctx, task);
            }
        }
    }
    Ok(handed_on)
}

/// Goes on with a notification whose step before this one is no longer waited for.
pub(crate) async fn advance(engine: &Engine, task: &Task) -> Result<Vec<Task>, Interrupted> {
    let ctx = task.ctx();
    let store = engine.store();
    let mut batch = Batch::background();
    store.complete_task(&mut batch, task);
    let asked = serde_json::from_str::<AdvanceV1>(&task.payload).ok();
    let asked = asked.and_then(|asked| Some((asked.notification.parse::<Id>().ok()?, asked.position)));
    let Some((id, position)) = asked else {
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let found = store.notifications(&ctx, vec![id]).await?.into_iter().next();
    let event = match &found {
        Some(notification) => store
            .events(&ctx, vec![notification.event_id])
            .await?
            .into_iter()
            .next(),
        None => None,
    };
    let (Some(notification), Some(event)) = (found, event) else {
        // Retention or an erasure took it.
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let mut jobs = store.jobs_of(&ctx, vec![id]).await?;
    let before = jobs.clone();
    let prepared = engine.workflow_by_id(&ctx, notification.workflow_id).await?;
    let subscriber = store
        .subscribers_by_id(&ctx, vec![notification.subscriber_id])
        .await?
        .into_iter()
        .next();
    let (Some(prepared), Some(subscriber)) = (prepared, subscriber) else {
        let trace = NewTrace::new(Detail::StepGone, TraceStatus::Warning);
        store.trace(&mut batch, &ctx, id, position, trace);
        store.cancel_jobs_after(&mut batch, &ctx, id, position - 1);
        store.finish_notification(&mut batch, &ctx, id, i64::MAX);
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let integrations: Arc<Integrations> = engine.integrations(&ctx).await?;
    let set = notification.contexts.stored();
    let targets: Vec<chat::Target> = targets(engine, &ctx, vec![subscriber.id], &set)
        .await?
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    let legacy = legacy(engine, &ctx, vec![subscriber.id])
        .await?
        .remove(&subscriber.id)
        .unwrap_or_default();
    let legacy: Vec<chat::Legacy> = legacy
        .into_iter()
        .filter(|(channel, _)| is_chat(&channel.provider_id))
        .map(|(_, one)| one)
        .collect();
    let contexts = contexts(engine, &ctx, notification.contexts.keys().to_vec()).await?;
    let payload_value: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
    let overrides: Value = serde_json::from_str(&event.overrides).unwrap_or(Value::Null);
    let data = render::data(
        &prepared.workflow,
        &subscriber,
        &payload_value,
        &contexts,
        notification.contexts.keys(),
    );
    let view = View {
        prepared: &prepared,
        notification: &notification,
        targets: &targets,
        legacy: &legacy,
        phone: subscriber.field("phone"),
        integrations: &integrations,
        overrides: &overrides,
        payload: &payload_value,
        data: &data,
        hands_on: true,
    };
    let from = usize::try_from(position).unwrap_or(usize::MAX);
    let ran = steps(engine, &mut batch, &ctx, &view, &mut jobs, from)?;
    for (job, before) in jobs.iter().zip(&before) {
        if job.status != before.status {
            store.update_job(&mut batch, &ctx, job);
        }
    }
    if !ran.waits {
        store.finish_notification(&mut batch, &ctx, id, i64::MAX);
    }
    store.commit(batch).await?;
    Ok(ran.handed_on)
}
