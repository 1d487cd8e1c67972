//! Preferences of a subscriber (api.md 2.6).

mod bulk;
mod input;
mod list;
mod update;
mod view;

use campanile_engine::offers::Offered;
use campanile_model::context::ContextSet;
use campanile_model::slug::Reference;
use campanile_model::{Error, Result};
use campanile_store::Batch;
use campanile_store::preferences::{PreferenceChange, Preferences};
use campanile_store::subscribers::Subscriber;
use serde_json::json;

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&list::ROUTE, &update::ROUTE, &bulk::ROUTE];

/// The subscriber that the path names, or a 404.
async fn changed_subscriber(call: &Call) -> Result<Subscriber> {
    let id = call.parameter("subscriberId");
    let found = call.store().subscriber(&call.ctx, id).await?;
    found.ok_or_else(|| Error::not_found(format!("Subscriber with id: {id} is not found")))
}

/// The workflow that a caller names by id, identifier or slug, active or not.
async fn workflow(call: &Call, name: &str) -> Result<Option<Offered>> {
    let reference = Reference::parse(name, "wf");
    let found = call.store().workflow(&call.ctx, &reference).await?;
    Ok(found.as_ref().map(Offered::of))
}

/// Adds a change to the batch, with what subscribed webhooks are told of it.
fn choose(
    call: &Call,
    batch: &mut Batch,
    subscriber: &Subscriber,
    contexts: &ContextSet,
    preferences: &mut Preferences,
    change: PreferenceChange,
    workflow: Option<&Offered>,
) {
    let store = call.store();
    store.choose(batch, &call.ctx, subscriber.id, contexts, preferences, change);
    let object = match workflow {
        Some(workflow) => json!(view::of_workflow(preferences, workflow)),
        None => json!(view::of_all(preferences)),
    };
    let told = json!({ "object": object, "subscriberId": subscriber.subscriber_id, "contextKeys": contexts.keys() });
    store.announce(batch, &call.ctx, "preference.updated", &told);
}
