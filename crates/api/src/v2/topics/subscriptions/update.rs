//! `PATCH /v2/topics/{topicKey}/subscriptions/{identifier}`: name and preferences; the latter are replaced as a whole.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::subscriptions::{GONE, Subscription};

use super::preferences::{Entry, Named, entries_rule, resolve};
use super::{missing, named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v2::topics;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/topics/{topicKey}/subscriptions/{identifier}", "TopicsController_updateTopicSubscription",
    "Update a subscription", run,
    .permit(Permission::TopicWrite, Category::Configuration)
    .takes::<UpdateTopicSubscription>()
    .answers::<view::SubscriptionResponse>()
);

dto! {
    /// What changes; what is absent stays.
    UpdateTopicSubscription {
        optional name: String = "name" [rules::length(0, 512)];
        /// Which workflows it lets through; replaces all that it said before.
        optional preferences: Vec<Entry> = "preferences" [entries_rule];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateTopicSubscription = call.body()?;
    let topic = topics::named(&call).await?;
    let read = named(&call, &topic).await?;
    let store = call.store();
    let preferences = match body.preferences {
        Some(entries) => resolve(store, &call.ctx, entries).await?,
        None => read.preferences.clone(),
    };
    let changed = Subscription {
        name: body.name.or(read.name),
        preferences,
        updated_at: store.now(),
        ..read
    };
    let workflows = Named::of(store, &call.ctx, std::slice::from_ref(&changed)).await?;
    let people = store.subscribers_by_id(&call.ctx, vec![changed.subscriber_id]).await?;
    let mut batch = Batch::new();
    store.update_subscription(&mut batch, &call.ctx, &changed);
    let reply = Reply::data(200, &view::subscription(&changed, &topic, people.first(), &workflows))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing(&call, &topic)),
        Err(error) => Err(error.into()),
    }
}
