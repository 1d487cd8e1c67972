//! The upsert of a recipient: the trigger's profile and channels on top of what is stored (engine.md c).

use campanile_model::Ctx;
use campanile_store::subscribers::Subscriber;
use campanile_store::{Batch, StoreError};
use serde_json::{Map, Value, json};

use super::known::Known;
use crate::deliver::integrations::Integrations;
use crate::recipients::{Recipient, merged_profile};
use crate::steps::chat;
use crate::{Engine, render};

/// What templates see of whoever caused the event: what the trigger brings on top of what is stored.
pub(super) fn as_actor(actor: &Recipient, known: &Known) -> Value {
    let stored = known.subscribers.get(&actor.id);
    let mut person = stored.map_or_else(|| json!({ "isOnline": false }), render::person);
    let profile = merged_profile(stored.map(|subscriber| &subscriber.profile), &actor.profile);
    person["subscriberId"] = actor.id.as_str().into();
    if let Some(person) = person.as_object_mut() {
        person.extend(profile);
    }
    person
}

/// Adds the recipient's upsert; the subscriber as it will be, and their legacy channels with those that were given.
pub(super) fn store_recipient(
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
    let mut legacy: Vec<chat::Legacy> = read.iter().map(|(_, one)| one.clone()).collect();
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
        legacy.push(one);
    }
    Ok((subscriber, legacy))
}
