//! Subscriptions: who is in which topic. A subscriber may be in a topic several times, under several identifiers.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Time};
use ring::digest;
use serde_json::{Value, json};

use crate::db::{Batch, Columns, FromRow, Source, StoreError};
use crate::page::{Cursor, List, Listed, Order, Page};
use crate::subscribers::{self, Subscriber};
use crate::topics::Topic;
use crate::{Store, args, queries};

/// The conflict of two creations of one subscription.
pub const EXISTS: &str = "subscriptions_identifier";
/// The conflict of changing or deleting a subscription that is gone.
pub const GONE: &str = "subscription gone";

/// A longer identifier is looked up by its hash: an index takes no row of any length.
const LONGEST_KEY: usize = 600;

queries! {
    FIND = "SELECT id, topic_id, subscriber_id, identifier, name, contexts, preferences, created_at, updated_at
        FROM subscriptions WHERE environment_id = $1 AND topic_id = $2 AND identifier_key = $3";
    FIND_BY_ID = "SELECT id, topic_id, subscriber_id, identifier, name, contexts, preferences, created_at, updated_at
        FROM subscriptions WHERE environment_id = $1 AND id = $2";
    FIND_MANY = "SELECT id, topic_id, subscriber_id, identifier, name, contexts, preferences, created_at, updated_at
        FROM subscriptions WHERE environment_id = $1 AND topic_id = $2 AND identifier_key {in:$3}";
    OF_SUBSCRIBERS = "SELECT id, topic_id, subscriber_id, identifier, name, contexts, preferences, created_at, updated_at
        FROM subscriptions WHERE environment_id = $1 AND topic_id = $2 AND subscriber_id {in:$3} ORDER BY id";
    /// The next members of a topic in a context set, each once.
    MEMBERS = "SELECT DISTINCT subscriber_id FROM subscriptions
        WHERE environment_id = $1 AND topic_id = $2 AND contexts = $3 AND subscriber_id > $4
        ORDER BY subscriber_id LIMIT $5";
    /// The rules of these members' subscriptions. A subscription without any lets everything through.
    RULES = "SELECT subscriber_id, preferences FROM subscriptions
        WHERE environment_id = $1 AND topic_id = $2 AND contexts = $3 AND subscriber_id {in:$4}";
    INSERT = {
        insert "subscriptions",
        "environment_id text, id text, topic_id text, subscriber_id text, identifier text, identifier_key text, name text, contexts text, preferences text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, topic_id, identifier_key) DO NOTHING"
    };
    UPDATE = "UPDATE subscriptions SET name = $3, preferences = $4, updated_at = $5
        WHERE environment_id = $1 AND id = $2";
    DELETE = "DELETE FROM subscriptions WHERE environment_id = $1 AND id = $2";
    /// Changes nothing, but waits for whoever deletes them, and makes them wait.
    PIN_SUBSCRIBER = "UPDATE subscribers SET updated_at = updated_at WHERE environment_id = $1 AND id = $2";
}

/// A subscription with its topic and its subscriber.
const MEMBERSHIPS: Source = Source {
    columns: "t.id, t.topic_id, t.subscriber_id, t.identifier, t.name, t.contexts, t.preferences,
        t.created_at, t.updated_at,
        p.id, p.topic_key, p.name, p.created_at, p.updated_at,
        s.id, s.subscriber_id, s.profile, s.is_online, s.last_online_at, s.created_at, s.updated_at",
    table: "subscriptions",
    joins: "{join_one:topics p ON p.environment_id = $1 AND p.id = t.topic_id}
        {join_one:subscribers s ON s.environment_id = $1 AND s.id = t.subscriber_id}",
};

/// What a subscription says about some workflows: whether they reach the subscriber through the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Our ids of the workflows.
    pub workflows: Vec<Id>,
    /// Whether they do; nothing when that was not said.
    pub enabled: Option<bool>,
    /// JSON logic over the payload, which decides before `enabled` does.
    pub condition: Option<Value>,
}

impl Rule {
    fn to_json(&self) -> Value {
        json!({ "workflows": self.workflows, "enabled": self.enabled, "condition": self.condition })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let workflows = value.get("workflows")?.as_array()?;
        Some(Self {
            workflows: workflows
                .iter()
                .map(|id| id.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
            enabled: value.get("enabled").and_then(Value::as_bool),
            condition: value.get("condition").filter(|condition| !condition.is_null()).cloned(),
        })
    }
}

/// One subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Our id.
    pub id: Id,
    /// The topic.
    pub topic_id: Id,
    /// Our id of the subscriber.
    pub subscriber_id: Id,
    /// By which it is known in its topic.
    pub identifier: String,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// What it is about.
    pub contexts: ContextSet,
    /// What it says about workflows; each workflow is in one rule at most.
    pub preferences: Vec<Rule>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl FromRow for Subscription {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            topic_id: c.id()?,
            subscriber_id: c.id()?,
            identifier: c.text()?,
            name: c.opt_text()?,
            contexts: ContextSet::from_stored(&c.text()?),
            preferences: rules(c)?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

fn rules(c: &mut Columns) -> Result<Vec<Rule>, StoreError> {
    let text = c.text()?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let list: Option<Value> = serde_json::from_str(&text).ok();
    list.as_ref()
        .and_then(Value::as_array)
        .and_then(|list| list.iter().map(Rule::from_json).collect())
        .ok_or_else(|| StoreError::Corrupt("a subscription's preferences cannot be read".to_owned()))
}

/// The empty text when there is none, so that going through many members reads next to nothing.
fn stored(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    Value::Array(rules.iter().map(Rule::to_json).collect()).to_string()
}

/// A subscription with its topic and its subscriber.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The subscription.
    pub subscription: Subscription,
    /// Its topic.
    pub topic: Topic,
    /// Its subscriber.
    pub subscriber: Subscriber,
}

impl FromRow for Membership {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            subscription: Subscription::from_row(c)?,
            topic: Topic::from_row(c)?,
            subscriber: Subscriber::from_row(c)?,
        })
    }
}

impl Listed for Membership {
    fn id(&self) -> Id {
        self.subscription.id
    }
}

/// What a list of subscriptions is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionFilter {
    /// Of this topic.
    pub topic: Option<Id>,
    /// Of this subscriber.
    pub subscriber: Option<Id>,
    /// Exactly this set of contexts, as it is stored.
    pub contexts: Option<String>,
}

/// What one subscription of a member lets through.
#[derive(Clone, Debug)]
pub struct MemberRules {
    /// Our id of the subscriber.
    pub subscriber: Id,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl FromRow for MemberRules {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            subscriber: c.id()?,
            rules: rules(c)?,
        })
    }
}

struct Member(Id);

impl FromRow for Member {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

fn identifier_key(identifier: &str) -> String {
    if identifier.len() <= LONGEST_KEY {
        return identifier.to_owned();
    }
    let hash = digest::digest(&digest::SHA256, identifier.as_bytes());
    format!("sha256 {}", hex::encode(hash))
}

impl Store {
    /// One subscription of a topic.
    pub async fn subscription(
        &self,
        ctx: &Ctx,
        topic: Id,
        identifier: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        self.db
            .first(&FIND, args![ctx.environment, topic, identifier_key(identifier)])
            .await
    }

    /// The subscription with this id of ours.
    pub async fn subscription_by_id(&self, ctx: &Ctx, id: Id) -> Result<Option<Subscription>, StoreError> {
        self.db.first(&FIND_BY_ID, args![ctx.environment, id]).await
    }

    /// The subscriptions of a topic with these identifiers, in no order.
    pub async fn subscriptions_named(
        &self,
        ctx: &Ctx,
        topic: Id,
        identifiers: &[String],
    ) -> Result<Vec<Subscription>, StoreError> {
        if identifiers.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = identifiers
            .iter()
            .map(|identifier| identifier_key(identifier))
            .collect();
        self.db.all(&FIND_MANY, args![ctx.environment, topic, keys]).await
    }

    /// All subscriptions of these subscribers to a topic, oldest first.
    pub async fn subscriptions_of(
        &self,
        ctx: &Ctx,
        topic: Id,
        subscribers: Vec<Id>,
    ) -> Result<Vec<Subscription>, StoreError> {
        if subscribers.is_empty() {
            return Ok(Vec::new());
        }
        self.db
            .all(&OF_SUBSCRIBERS, args![ctx.environment, topic, subscribers])
            .await
    }

    /// A page of subscriptions.
    pub async fn list_subscriptions(
        &self,
        ctx: &Ctx,
        filter: &SubscriptionFilter,
        cursor: &Cursor,
    ) -> Result<Page<Membership>, StoreError> {
        let mut list = List::of(ctx, MEMBERSHIPS);
        if let Some(topic) = filter.topic {
            list.filter("t.topic_id = {}", topic);
        }
        if let Some(subscriber) = filter.subscriber {
            list.filter("t.subscriber_id = {}", subscriber);
        }
        if let Some(contexts) = &filter.contexts {
            list.filter("t.contexts = {}", contexts);
        }
        // Ids ascend with the time of creation, and have the index.
        let order = match cursor.order {
            Order::Created => Order::Id,
            other => other,
        };
        list.page(
            &self.db,
            &Cursor {
                order,
                ..cursor.clone()
            },
        )
        .await
    }

    /// The next members of a topic after this one, in the order of their ids: who is subscribed with exactly these
    /// contexts.
    pub async fn topic_members(
        &self,
        ctx: &Ctx,
        topic: Id,
        contexts: &ContextSet,
        after: Option<Id>,
        most: usize,
    ) -> Result<Vec<Id>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let args = args![ctx.environment, topic, contexts.stored(), after, most];
        let members: Vec<Member> = self.db.all(&MEMBERS, args).await?;
        Ok(members.into_iter().map(|Member(id)| id).collect())
    }

    /// What each subscription of these members with exactly these contexts lets through; at least one row for each that
    /// is a member still.
    pub async fn member_rules(
        &self,
        ctx: &Ctx,
        topic: Id,
        contexts: &ContextSet,
        members: Vec<Id>,
    ) -> Result<Vec<MemberRules>, StoreError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let args = args![ctx.environment, topic, contexts.stored(), members];
        self.db.all(&RULES, args).await
    }

    /// Adds a subscription; the commit fails with [`EXISTS`] when its topic has one of this identifier, and with
    /// [`subscribers::CHANGED`] when the subscriber is gone.
    pub fn insert_subscription(&self, batch: &mut Batch, ctx: &Ctx, subscription: &Subscription) {
        // The subscriber's row goes first, so that no subscription outlives a subscriber who is deleted at the same time.
        batch.expect(
            &PIN_SUBSCRIBER,
            args![ctx.environment, subscription.subscriber_id],
            subscribers::CHANGED,
        );
        batch.expect(
            &INSERT,
            args![
                ctx.environment,
                subscription.id,
                subscription.topic_id,
                subscription.subscriber_id,
                &subscription.identifier,
                identifier_key(&subscription.identifier),
                subscription.name.clone(),
                subscription.contexts.stored(),
                stored(&subscription.preferences),
                subscription.created_at,
                subscription.updated_at
            ],
            EXISTS,
        );
    }

    /// Stores name and preferences of a changed subscription; the commit fails with [`GONE`] when it was deleted.
    pub fn update_subscription(&self, batch: &mut Batch, ctx: &Ctx, subscription: &Subscription) {
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                subscription.id,
                subscription.name.clone(),
                stored(&subscription.preferences),
                subscription.updated_at
            ],
            GONE,
        );
        self.audit(batch, ctx, "subscription.update", subscription.id);
    }

    /// Removes a subscription; the commit fails with [`GONE`] when somebody else removed it.
    pub fn delete_subscription(&self, batch: &mut Batch, ctx: &Ctx, subscription: &Subscription) {
        batch.expect(&DELETE, args![ctx.environment, subscription.id], GONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_identifier_has_a_key_of_its_own_that_an_index_takes() {
        let long = "ü".repeat(600);
        assert_eq!(identifier_key("tk_a:si_b"), "tk_a:si_b");
        assert!(identifier_key(&long).len() < 100);
        assert_ne!(identifier_key(&long), identifier_key(&format!("{long}x")));
    }
}
