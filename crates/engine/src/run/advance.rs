//! Going on with a notification whose step is no longer waited for.

use std::sync::Arc;

use campanile_model::channel::{JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, StepType};
use campanile_store::digests::{DigestedEvent, Window, WindowState};
use campanile_store::events::Event;
use campanile_store::notifications::Job;
use campanile_store::tasks::Task;
use campanile_store::traces::NewTrace;
use campanile_store::{Batch, StoreError};
use serde_json::Value;

use super::extension::{Extension, extend};
use super::{Run, View, steps};
use crate::deliver::integrations::Integrations;
use crate::plan::known;
use crate::recipients::Recipients;
use crate::steps::{chat, in_app, waiting};
use crate::task::{AdvanceV1, DigestV1};
use crate::{Engine, Interrupted, render};

/// What ended the wait of a job.
pub(crate) enum Over {
    /// Its delay.
    Delay,
    /// Its digest, which is closed, with all events.
    Digest(Window, Vec<DigestedEvent>),
}

/// Goes on with a notification whose step before this one is no longer waited for, or whose wait is over.
pub(crate) async fn advance(engine: &Engine, task: &Task) -> Result<Vec<Task>, Interrupted> {
    let asked = serde_json::from_str::<AdvanceV1>(&task.payload).ok();
    let place = asked.and_then(|asked| Some((asked.notification.parse::<Id>().ok()?, asked)));
    let Some((id, asked)) = place else {
        return done(engine, task).await;
    };
    let mut wait = Wait {
        notification: id,
        position: asked.position,
        over: asked.over.then_some(Over::Delay),
        exhausted: false,
    };
    if asked.over && asked.extends {
        match extend(engine, &task.ctx(), task, (id, asked.position), None).await? {
            Extension::Extended => return Ok(Vec::new()),
            extension => wait.exhausted = extension == Extension::Exhausted,
        }
    }
    go_on(engine, task, wait).await
}

/// Closes a digest that is due, and goes on with the notification that waited for it. From the closing on nothing joins,
/// so its events are read after that; whoever dies in between leaves a closed window to the next.
pub(crate) async fn digest(engine: &Engine, task: &Task) -> Result<Vec<Task>, Interrupted> {
    let ctx = task.ctx();
    let store = engine.store();
    let asked = serde_json::from_str::<DigestV1>(&task.payload).ok();
    let asked = asked.and_then(|asked| Some((asked.window.parse::<Id>().ok()?, asked.extends)));
    let Some((id, extends)) = asked else {
        return done(engine, task).await;
    };
    let mut window = store.digest_window(&ctx, id).await?;
    let mut exhausted = false;
    if let Some(open) = window.as_ref().filter(|one| extends && one.state == WindowState::Open) {
        match extend(engine, &ctx, task, (open.notification_id, open.position), Some(open)).await? {
            Extension::Extended => return Ok(Vec::new()),
            extension => exhausted = extension == Extension::Exhausted,
        }
    }
    if window.as_ref().is_some_and(|window| window.state == WindowState::Open) {
        let mut batch = Batch::background();
        store.close_digest(&mut batch, &ctx, id);
        store.commit(batch).await?;
        window = store.digest_window(&ctx, id).await?;
    }
    match window {
        Some(window) if window.state == WindowState::Closed => {
            let events = store.digested_events(&ctx, vec![id]).await?;
            let wait = Wait {
                notification: window.notification_id,
                position: window.position,
                over: Some(Over::Digest(window, events)),
                exhausted,
            };
            go_on(engine, task, wait).await
        }
        // Canceled with all its events, or gone on already.
        _ => done(engine, task).await,
    }
}

async fn done(engine: &Engine, task: &Task) -> Result<Vec<Task>, Interrupted> {
    let mut batch = Batch::background();
    engine.store().complete_task(&mut batch, task);
    engine.store().commit(batch).await?;
    Ok(Vec::new())
}

/// Where a notification goes on, and what it waited for.
struct Wait {
    notification: Id,
    position: i64,
    over: Option<Over>,
    /// Whether it would have been extended once more.
    exhausted: bool,
}

async fn go_on(engine: &Engine, task: &Task, wait: Wait) -> Result<Vec<Task>, Interrupted> {
    let Wait {
        notification: id,
        position,
        over,
        exhausted,
    } = wait;
    let ctx = task.ctx();
    let store = engine.store();
    let mut batch = Batch::background();
    store.complete_task(&mut batch, task);
    if let Some(Over::Digest(window, _)) = &over {
        store.end_digest(&mut batch, &ctx, window);
    }
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
    attend(engine, &ctx, id, &mut jobs).await?;
    let waited = jobs
        .iter_mut()
        .find(|job| over.is_some() && job.position == position && job.status == JobStatus::Delayed);
    if over.is_some() && waited.is_none() {
        // Canceled meanwhile.
        store.commit(batch).await?;
        return Ok(Vec::new());
    }
    let prepared = engine.workflow_by_id(&ctx, notification.workflow_id).await?;
    let subscriber = store
        .subscribers_by_id(&ctx, vec![notification.subscriber_id])
        .await?
        .into_iter()
        .next();
    let (Some(prepared), Some(subscriber)) = (prepared, subscriber) else {
        let trace = NewTrace::new(Detail::StepGone, TraceStatus::Warning);
        store.trace(&mut batch, &ctx, id, position, trace);
        if let Some(job) = waited {
            job.status = JobStatus::Canceled;
            store.update_job(&mut batch, &ctx, job, JobStatus::Delayed);
        }
        store.cancel_jobs_after(&mut batch, &ctx, id, position - 1);
        store.finish_notification(&mut batch, &ctx, id);
        store.commit(batch).await?;
        return Ok(Vec::new());
    };
    let integrations: Arc<Integrations> = engine.integrations(&ctx).await?;
    let env = engine.environment_values(&ctx).await?;
    let set = notification.contexts.stored();
    let targets: Vec<chat::Target> = known::targets(engine, &ctx, vec![subscriber.id], &set)
        .await?
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    let legacy = known::legacy(engine, &ctx, vec![subscriber.id])
        .await?
        .remove(&subscriber.id)
        .unwrap_or_default();
    let legacy: Vec<chat::Legacy> = legacy.into_iter().map(|(_, one)| one).collect();
    let workflows = [notification.workflow_id];
    let preferences = store
        .preferences_for(&ctx, vec![subscriber.id], vec![set], &workflows)
        .await?
        .into_iter()
        .collect();
    let contexts = known::contexts(engine, &ctx, notification.contexts.keys().to_vec()).await?;
    let payload_value: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
    let overrides: Value = serde_json::from_str(&event.overrides).unwrap_or(Value::Null);
    let actor = actor(engine, &ctx, &event).await?;
    let data = render::data(&render::Sources {
        workflow: &prepared.workflow,
        subscriber: &subscriber,
        actor: actor.as_ref(),
        payload: &payload_value,
        contexts: &contexts,
        keys: notification.contexts.keys(),
        env: &env,
    });
    let view = View {
        engine,
        ctx: &ctx,
        prepared: &prepared,
        notification: &notification,
        subscriber: &subscriber,
        targets: &targets,
        legacy: &legacy,
        preferences: Some(&preferences),
        integrations: &integrations,
        overrides: &overrides,
        payload: &payload_value,
        hands_on: true,
    };
    let mut run = Run {
        view: &view,
        batch: &mut batch,
        data,
        own: None,
        handed_on: Vec::new(),
    };
    if let Some(job) = waited {
        if exhausted {
            run.tell(job, NewTrace::new(Detail::ExtensionsReached, TraceStatus::Warning));
        }
        waiting::end(&mut run, job, over);
    }
    let from = usize::try_from(position).unwrap_or(usize::MAX);
    run.own = waiting::read(&mut run, &jobs, from).await?;
    let waits = steps(&mut run, &mut jobs, from)?;
    let handed_on = run.handed_on;
    for (job, before) in jobs.iter().zip(&before) {
        if job.status != before.status {
            store.update_job(&mut batch, &ctx, job, before.status);
        }
    }
    if !waits {
        store.finish_notification(&mut batch, &ctx, id);
    }
    store.commit(batch).await?;
    Ok(handed_on)
}

/// Who caused the event, as they are now.
async fn actor(engine: &Engine, ctx: &Ctx, event: &Event) -> Result<Option<Value>, StoreError> {
    let recipients: Option<Recipients> = serde_json::from_str(&event.recipients).ok();
    let Some(actor) = recipients.and_then(|recipients| recipients.actor) else {
        return Ok(None);
    };
    let found = engine.store().subscribers_named(ctx, vec![actor.id]).await?;
    Ok(found.first().map(render::person))
}

/// What the subscriber did meanwhile with the in-app messages of earlier steps: later ones see it.
async fn attend(engine: &Engine, ctx: &Ctx, notification: Id, jobs: &mut [Job]) -> Result<(), StoreError> {
    let is_shown = |job: &Job| job.kind == StepType::InApp && job.output.is_some();
    if !jobs.iter().any(is_shown) {
        return Ok(());
    }
    let messages = engine.store().messages_of(ctx, vec![notification]).await?;
    for job in jobs.iter_mut().filter(|job| is_shown(job)) {
        if let Some(message) = messages.iter().find(|message| message.position == job.position) {
            job.output = Some(in_app::output(&message.attention));
        }
    }
    Ok(())
}
