//! Going on with a notification whose step is no longer waited for.

use std::sync::Arc;

use campanile_model::Id;
use campanile_model::channel::TraceStatus;
use campanile_model::texts::Detail;
use campanile_store::Batch;
use campanile_store::tasks::Task;
use campanile_store::traces::NewTrace;
use serde_json::Value;

use super::{Run, View, steps};
use crate::deliver::integrations::Integrations;
use crate::plan::known;
use crate::steps::chat;
use crate::task::AdvanceV1;
use crate::{Engine, Interrupted, render};

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
    let data = render::data(
        &prepared.workflow,
        &subscriber,
        &payload_value,
        &contexts,
        notification.contexts.keys(),
        &env,
    );
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
        own_turn: true,
    };
    let mut run = Run {
        view: &view,
        batch: &mut batch,
        data,
        handed_on: Vec::new(),
    };
    let from = usize::try_from(position).unwrap_or(usize::MAX);
    let waits = steps(&mut run, &mut jobs, from)?;
    let handed_on = run.handed_on;
    for (job, before) in jobs.iter().zip(&before) {
        if job.status != before.status {
            store.update_job(&mut batch, &ctx, job);
        }
    }
    if !waits {
        store.finish_notification(&mut batch, &ctx, id, i64::MAX);
    }
    store.commit(batch).await?;
    Ok(handed_on)
}
