//! `POST /v2/topics/{topicKey}/subscriptions`: each entry succeeds or fails by itself; a topic that is missing is made.

use std::collections::HashMap;

use campanile_model::context::{self, ContextSet, NamedContext};
use campanile_model::{Error, Id, Permission, Result};
use campanile_store::subscribers::{self, Subscriber};
use campanile_store::subscriptions::{EXISTS, Rule, Subscription};
use campanile_store::topics::{self, Topic};
use campanile_store::{Batch, StoreError};
use serde_json::{Value, json};

use super::check_counts;
use super::preferences::{Entry, Named, entries_rule, resolve};
use super::view::{self, SubscriptionErrorDto};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Path, Problems, Schemas, Shape, rules};
use crate::v2::topics::{TRIES, check_key, too_contended};
use crate::{dto, route};

/// So many subscriptions of one subscriber to one topic.
const MOST_OF_ONE: usize = 10;

pub(crate) const ROUTE: Route = route!(
    post "/v2/topics/{topicKey}/subscriptions", "TopicsController_createTopicSubscriptions", "Subscribe to a topic", run,
    .permit(Permission::TopicWrite, Category::Configuration)
    .takes::<CreateTopicSubscriptions>()
    .answers_raw::<view::SubscriptionsResult>()
);

dto! {
    /// A subscription with an identifier of your own.
    TopicSubscriberIdentifier {
        /// Unique in the topic.
        required identifier: String = "identifier" [rules::length(1, 512)];
        required subscriber_id: String = "subscriberId";
        optional name: String = "name" [rules::length(0, 512)];
    }
}

/// A subscriberId, or a subscription with an identifier.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    subscriber_id: String,
    identifier: Option<String>,
    name: Option<String>,
}

impl Wanted {
    fn plain(subscriber_id: String) -> Self {
        Self {
            subscriber_id,
            identifier: None,
            name: None,
        }
    }
}

impl Shape for Wanted {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if value.is_string() {
            return String::read(value, path, problems).map(Self::plain);
        }
        let given = TopicSubscriberIdentifier::read(value, path, problems)?;
        Some(Self {
            subscriber_id: given.subscriber_id,
            identifier: Some(given.identifier),
            name: given.name,
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "oneOf": [{ "type": "string" }, TopicSubscriberIdentifier::schema(schemas)] })
    }
}

dto! {
    /// Who is subscribed, by either list or both.
    CreateTopicSubscriptions {
        /// At most 100.
        optional subscriber_ids: Vec<String> = "subscriberIds";
        /// SubscriberIds, or subscriptions with identifiers of your own; at most 100.
        optional subscriptions: Vec<Wanted> = "subscriptions";
        /// The name of the topic.
        optional name: String = "name" [rules::length(0, 100)];
        /// What the subscriptions are about: type → id, or → {id, data}.
        optional context: Value = "context";
        /// Which workflows they let through.
        optional preferences: Vec<Entry> = "preferences" [entries_rule];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateTopicSubscriptions = call.body()?;
    check_counts(
        body.subscriber_ids.as_ref().map(Vec::len),
        body.subscriptions.as_ref().map(Vec::len),
        "subscribe",
    )?;
    let contexts = body.context.as_ref().map_or(Ok(Vec::new()), context::parse);
    let contexts = contexts.map_err(Error::invalid)?;
    let plain = body.subscriber_ids.unwrap_or_default().into_iter().map(Wanted::plain);
    let wanted: Vec<Wanted> = plain.chain(body.subscriptions.unwrap_or_default()).collect();
    let name = body.name.filter(|name| !name.is_empty());
    let rules = resolve(call.store(), &call.ctx, body.preferences.unwrap_or_default()).await?;
    for _ in 0..TRIES {
        let mut batch = Batch::new();
        let reply = subscribe(&call, &mut batch, &wanted, name.as_deref(), &contexts, &rules).await?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

fn lost_race(error: &StoreError) -> bool {
    [EXISTS, topics::EXISTS, topics::GONE, subscribers::CHANGED]
        .into_iter()
        .any(|conflict| error.is_conflict(conflict))
}

/// Decides on what is stored now, and adds what is new to the batch.
async fn subscribe(
    call: &Call,
    batch: &mut Batch,
    wanted: &[Wanted],
    name: Option<&str>,
    contexts: &[NamedContext],
    rules: &[Rule],
) -> Result<Reply> {
    let (store, ctx) = (call.store(), &call.ctx);
    let key = call.parameter("topicKey");
    let known = store.topic(ctx, key).await?;
    if known.is_none() {
        check_key(key)?;
    }
    let ids = wanted.iter().map(|one| one.subscriber_id.clone()).collect();
    let people = store.subscribers_named(ctx, ids).await?;
    let people: HashMap<&str, &Subscriber> = people.iter().map(|one| (one.subscriber_id.as_str(), one)).collect();
    let set = ContextSet::of(contexts);
    let identifiers: Vec<String> = wanted.iter().map(|one| identifier(key, one, &set)).collect();
    let (stored, mut counts) = match &known {
        Some(topic) => stored(call, topic, &identifiers, people.values().map(|one| one.id).collect()).await?,
        None => (HashMap::new(), HashMap::new()),
    };
    let topic = match known {
        None => store.create_topic(batch, ctx, key, name.map(str::to_owned)),
        Some(known) => match name {
            Some(name) if known.name.as_deref() != Some(name) => store.rename_topic(batch, ctx, known, name.to_owned()),
            _ => {
                store.pin_topic(batch, ctx, known.id);
                known
            }
        },
    };
    let mut made: HashMap<&str, Subscription> = HashMap::new();
    let mut taken: Vec<(Subscription, &Subscriber)> = Vec::new();
    let mut errors = Vec::new();
    for (one, identifier) in wanted.iter().zip(&identifiers) {
        let mut fail = |code: &'static str, message: String| {
            errors.push(SubscriptionErrorDto {
                subscriber_id: one.subscriber_id.clone(),
                code,
                message,
            });
        };
        let id = &one.subscriber_id;
        let Some(subscriber) = people.get(id.as_str()).copied() else {
            fail(
                "SUBSCRIBER_NOT_FOUND",
                format!("Subscriber with ID '{id}' could not be found."),
            );
            continue;
        };
        if let Some(there) = stored.get(identifier).or_else(|| made.get(identifier.as_str())) {
            if there.subscriber_id == subscriber.id {
                taken.push((there.clone(), subscriber));
            } else {
                fail(
                    "SUBSCRIPTION_IDENTIFIER_TAKEN",
                    format!("Subscription identifier '{identifier}' belongs to another subscriber of topic \"{key}\""),
                );
            }
            continue;
        }
        let count = counts.entry(subscriber.id).or_default();
        if *count >= MOST_OF_ONE {
            fail(
                "SUBSCRIPTION_LIMIT_EXCEEDED",
                format!(
                    "Subscriber {id} has reached the maximum allowed of {MOST_OF_ONE} subscriptions for topic \"{key}\""
                ),
            );
            continue;
        }
        *count += 1;
        let now = store.now();
        let subscription = Subscription {
            id: store.new_id(),
            topic_id: topic.id,
            subscriber_id: subscriber.id,
            identifier: identifier.clone(),
            name: one.name.clone(),
            contexts: set.clone(),
            preferences: rules.to_vec(),
            created_at: now,
            updated_at: now,
        };
        store.insert_subscription(batch, ctx, &subscription);
        made.insert(identifier, subscription.clone());
        taken.push((subscription, subscriber));
    }
    if !contexts.is_empty() {
        store.find_or_create_contexts(batch, ctx, contexts);
    }
    let subscriptions: Vec<Subscription> = taken.iter().map(|(one, _)| one.clone()).collect();
    let named = Named::of(store, ctx, &subscriptions).await?;
    let data = taken
        .iter()
        .map(|(one, subscriber)| view::subscription(one, &topic, Some(subscriber), &named))
        .collect();
    Reply::raw(201, &view::result(wanted.len(), data, errors)?)
}

type Stored = (HashMap<String, Subscription>, HashMap<Id, usize>);

/// The topic's subscriptions of these identifiers, and how many these subscribers have.
async fn stored(call: &Call, topic: &Topic, identifiers: &[String], people: Vec<Id>) -> Result<Stored> {
    let (store, ctx) = (call.store(), &call.ctx);
    let named = store.subscriptions_named(ctx, topic.id, identifiers).await?;
    let mut counts: HashMap<Id, usize> = HashMap::new();
    for one in store.subscriptions_of(ctx, topic.id, people).await? {
        *counts.entry(one.subscriber_id).or_default() += 1;
    }
    let named = named.into_iter().map(|one| (one.identifier.clone(), one)).collect();
    Ok((named, counts))
}

/// The caller's identifier, or the one that topic, subscriber and contexts make.
fn identifier(key: &str, wanted: &Wanted, contexts: &ContextSet) -> String {
    if let Some(given) = &wanted.identifier {
        return given.clone();
    }
    let mut identifier = format!("tk_{key}:si_{}", wanted.subscriber_id);
    if !contexts.is_empty() {
        identifier.push_str(":ctx_");
        identifier.push_str(&contexts.stored());
    }
    identifier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_identifier_names_topic_subscriber_and_sorted_contexts() {
        let contexts = context::parse(&json!({ "tenant": "org-123", "project": "proj-456" })).unwrap();
        let set = ContextSet::of(&contexts);
        let ann = Wanted::plain("ann".to_owned());
        assert_eq!(identifier("news", &ann, &ContextSet::default()), "tk_news:si_ann");
        assert_eq!(
            identifier("news", &ann, &set),
            "tk_news:si_ann:ctx_project:proj-456,tenant:org-123"
        );
    }
}
