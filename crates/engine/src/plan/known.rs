//! What the plans of several events read together, each kind of thing in one query.

use std::collections::{HashMap, HashSet};

use campanile_model::{Channel, Ctx, Id};
use campanile_store::StoreError;
use campanile_store::contexts::Context;
use campanile_store::preferences::{Preference, Preferences};
use campanile_store::subscribers::{Subscriber, SubscriberChannel};

use super::Part;
use crate::Engine;
use crate::steps::chat;

/// The reads that the plans of several events share.
#[derive(Default)]
pub(crate) struct Known {
    pub(super) subscribers: HashMap<String, Subscriber>,
    /// By subscriber and context set.
    pub(super) targets: HashMap<(Id, String), Vec<chat::Target>>,
    pub(super) legacy: HashMap<Id, Vec<(SubscriberChannel, chat::Legacy)>>,
    pub(super) contexts: HashMap<String, Context>,
    /// By subscriber and context set.
    pub(super) preferences: HashMap<(Id, String), Preferences>,
    /// Events and those for whom they have been planned already, where that was looked up.
    pub(super) planned: HashSet<(Id, Id)>,
}

/// Reads what these plans need, each kind of thing in one query. `again` says that somebody else may have planned some of
/// it: then each recipient is looked up.
pub(crate) async fn know(engine: &Engine, ctx: &Ctx, plans: &[&Part], again: bool) -> Result<Known, StoreError> {
    let store = engine.store();
    let mut names: Vec<String> = plans
        .iter()
        .flat_map(|plan| {
            let people = plan.chunk.named.iter().chain(&plan.recipients.actor);
            people.map(|recipient| recipient.id.clone())
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut subscribers = store.subscribers_named(ctx, names).await?;
    subscribers.extend(plans.iter().flat_map(|plan| plan.chunk.found.clone()));
    let ids: Vec<Id> = subscribers.iter().map(|subscriber| subscriber.id).collect();
    let mut sets: Vec<String> = plans.iter().map(|plan| plan.event.contexts.stored()).collect();
    sets.sort_unstable();
    sets.dedup();
    let keys: Vec<String> = plans
        .iter()
        .flat_map(|plan| plan.event.contexts.keys().to_vec())
        .collect();
    let all_targets = futures_util::future::join_all(sets.iter().map(|set| targets(engine, ctx, ids.clone(), set)));
    let workflows: Vec<Id> = plans.iter().map(|plan| plan.event.workflow_id).collect();
    let (all_targets, legacy, contexts, preferences) = futures_util::future::join4(
        all_targets,
        legacy(engine, ctx, ids.clone()),
        contexts(engine, ctx, keys),
        store.preferences_for(ctx, ids.clone(), sets.clone(), &workflows),
    )
    .await;
    let mut known = Known {
        legacy: legacy?,
        contexts: contexts?,
        preferences: by_place(preferences?),
        ..Known::default()
    };
    // A member of several topics is found in each of them.
    for plan in plans.iter().filter(|plan| again || !plan.chunk.found.is_empty()) {
        let there = store.planned_for(ctx, plan.event.id, ids.clone()).await?;
        known.planned.extend(there.into_iter().map(|id| (plan.event.id, id)));
    }
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

/// Preferences by subscriber and context set.
pub(crate) fn by_place(rows: Vec<Preference>) -> HashMap<(Id, String), Preferences> {
    let mut by_place: HashMap<_, Preferences> = HashMap::new();
    for row in rows {
        let place = (row.subscriber, row.contexts.clone());
        by_place.entry(place).or_default().extend([row]);
    }
    by_place
}

/// The chat endpoints of subscribers in a context set.
pub(crate) async fn targets(
    engine: &Engine,
    ctx: &Ctx,
    ids: Vec<Id>,
    set: &str,
) -> Result<Vec<(Id, chat::Target)>, StoreError> {
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

pub(crate) type Channels = HashMap<Id, Vec<(SubscriberChannel, chat::Legacy)>>;

/// The legacy channels of subscribers, opened.
pub(crate) async fn legacy(engine: &Engine, ctx: &Ctx, ids: Vec<Id>) -> Result<Channels, StoreError> {
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

/// Whether it is a provider of the chat channel.
pub(crate) fn is_chat(provider_id: &str) -> bool {
    campanile_providers::catalogue::find(provider_id).is_some_and(|provider| provider.channel.as_str() == "chat")
}

/// The stored contexts with these keys.
pub(crate) async fn contexts(
    engine: &Engine,
    ctx: &Ctx,
    mut keys: Vec<String>,
) -> Result<HashMap<String, Context>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    keys.sort_unstable();
    keys.dedup();
    let found = engine.store().contexts_keyed(ctx, &keys).await?;
    Ok(found.into_iter().map(|context| (context.key(), context)).collect())
}
