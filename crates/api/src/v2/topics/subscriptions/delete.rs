//! `DELETE /v2/topics/{topicKey}/subscriptions`: by subscriber or by identifier; each entry succeeds or fails by itself.

use std::collections::HashMap;

use campanile_model::{Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::subscribers::Subscriber;
use campanile_store::subscriptions::{GONE, Subscription};
use campanile_store::topics::Topic;
use serde_json::{Value, json};

use super::check_counts;
use super::preferences::Named;
use super::view::{self, SubscriptionErrorDto};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Path, Problems, Schemas, Shape};
use crate::v2::topics::{self, TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/topics/{topicKey}/subscriptions", "TopicsController_deleteTopicSubscriptions", "Unsubscribe from a topic", run,
    .permit(Permission::TopicWrite, Category::Configuration)
    .takes::<DeleteTopicSubscriptions>()
    .answers_raw::<view::SubscriptionsResult>()
);

dto! {
    /// One subscription by its identifier, or all of a subscriber.
    DeleteTopicSubscriberIdentifier {
        optional identifier: String = "identifier";
        optional subscriber_id: String = "subscriberId";
    }
}

/// What one entry names; at least one of them.
#[derive(Clone, Debug)]
pub(super) struct Unwanted {
    identifier: Option<String>,
    subscriber_id: Option<String>,
}

impl Unwanted {
    fn plain(subscriber_id: String) -> Self {
        Self {
            identifier: None,
            subscriber_id: Some(subscriber_id),
        }
    }
}

impl Shape for Unwanted {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if value.is_string() {
            return String::read(value, path, problems).map(Self::plain);
        }
        let given = DeleteTopicSubscriberIdentifier::read(value, path, problems)?;
        if given.identifier.is_none() && given.subscriber_id.is_none() {
            problems.add(path, "must have an identifier or a subscriberId");
            return None;
        }
        Some(Self {
            identifier: given.identifier,
            subscriber_id: given.subscriber_id,
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "oneOf": [{ "type": "string" }, DeleteTopicSubscriberIdentifier::schema(schemas)] })
    }
}

dto! {
    /// Who is unsubscribed, by either list or both.
    DeleteTopicSubscriptions {
        /// At most 100.
        optional subscriber_ids: Vec<String> = "subscriberIds";
        /// SubscriberIds, or subscriptions by identifier; at most 100.
        optional subscriptions: Vec<Unwanted> = "subscriptions";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: DeleteTopicSubscriptions = call.body()?;
    check_counts(
        body.subscriber_ids.as_ref().map(Vec::len),
        body.subscriptions.as_ref().map(Vec::len),
        "unsubscribe",
    )?;
    let plain = body.subscriber_ids.unwrap_or_default().into_iter().map(Unwanted::plain);
    let unwanted: Vec<Unwanted> = plain.chain(body.subscriptions.unwrap_or_default()).collect();
    let topic = topics::named(&call).await?;
    for _ in 0..TRIES {
        let mut batch = Batch::new();
        let reply = unsubscribe(&call, &mut batch, &topic, &unwanted).await?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(GONE) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

/// What of the topic these entries may mean.
struct Known {
    subscriptions: HashMap<Id, Subscription>,
    people: HashMap<Id, Subscriber>,
}

impl Known {
    async fn read(call: &Call, topic: &Topic, unwanted: &[Unwanted]) -> Result<Self> {
        let (store, ctx) = (call.store(), &call.ctx);
        let ids = unwanted.iter().filter_map(|one| one.subscriber_id.clone()).collect();
        let mut people = store.subscribers_named(ctx, ids).await?;
        let identifiers: Vec<String> = unwanted.iter().filter_map(|one| one.identifier.clone()).collect();
        let mut subscriptions = store.subscriptions_named(ctx, topic.id, &identifiers).await?;
        let ids = people.iter().map(|one| one.id).collect();
        subscriptions.extend(store.subscriptions_of(ctx, topic.id, ids).await?);
        let owners = subscriptions.iter().map(|one| one.subscriber_id).collect();
        people.extend(store.subscribers_by_id(ctx, owners).await?);
        Ok(Self {
            subscriptions: subscriptions.into_iter().map(|one| (one.id, one)).collect(),
            people: people.into_iter().map(|one| (one.id, one)).collect(),
        })
    }

    /// The subscriptions that an entry names, or why there are none.
    fn named(&self, topic: &Topic, one: &Unwanted) -> Result<Vec<Id>, SubscriptionErrorDto> {
        let subscriber_id = one.subscriber_id.clone().unwrap_or_default();
        let fail = |code, message| SubscriptionErrorDto {
            subscriber_id: subscriber_id.clone(),
            code,
            message,
        };
        let owner = one.subscriber_id.as_ref().map(|id| {
            let found = self.people.values().find(|person| person.subscriber_id == *id);
            found.map(|person| person.id)
        });
        if owner == Some(None) {
            let message = format!("Subscriber with ID '{subscriber_id}' could not be found.");
            return Err(fail("SUBSCRIBER_NOT_FOUND", message));
        }
        let mut ids: Vec<Id> = self
            .subscriptions
            .values()
            .filter(|known| {
                one.identifier
                    .as_ref()
                    .is_none_or(|identifier| known.identifier == *identifier)
            })
            .filter(|known| owner.flatten().is_none_or(|owner| known.subscriber_id == owner))
            .map(|known| known.id)
            .collect();
        if ids.is_empty() {
            let message = match (&one.subscriber_id, &one.identifier) {
                (None, Some(identifier)) => {
                    format!(
                        "Subscription with identifier {identifier} not found for topic {}",
                        topic.key
                    )
                }
                _ => format!("Subscription for subscriber '{subscriber_id}' not found."),
            };
            return Err(fail("SUBSCRIPTION_NOT_FOUND", message));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

/// Decides on what is stored now, and adds what goes to the batch.
async fn unsubscribe(call: &Call, batch: &mut Batch, topic: &Topic, unwanted: &[Unwanted]) -> Result<Reply> {
    let known = Known::read(call, topic, unwanted).await?;
    let mut gone: Vec<Id> = Vec::new();
    let mut errors = Vec::new();
    for one in unwanted {
        match known.named(topic, one) {
            Ok(ids) => gone.extend(ids),
            Err(error) => errors.push(error),
        }
    }
    // Two entries may mean the same one.
    let mut seen = std::collections::HashSet::new();
    gone.retain(|id| seen.insert(*id));
    let mut data = Vec::new();
    for subscription in gone.iter().filter_map(|id| known.subscriptions.get(id)) {
        call.store().delete_subscription(batch, &call.ctx, subscription);
        let subscriber = known.people.get(&subscription.subscriber_id);
        data.push(view::subscription(
            &Subscription {
                preferences: Vec::new(),
                ..subscription.clone()
            },
            topic,
            subscriber,
            &Named::default(),
        ));
    }
    Reply::raw(200, &view::result(unwanted.len(), data, errors)?)
}
