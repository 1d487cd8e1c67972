//! A subscription in answers.

use campanile_model::{Error, Id, Result, Time};
use campanile_store::subscribers::Subscriber;
use campanile_store::subscriptions::{Membership, Subscription};
use campanile_store::topics::Topic;
use serde_json::{Map, Value};

use super::preferences::{Named, PreferenceResponse};
use crate::shape::Nullable;
use crate::v2::topics::view::{TopicResponse, topic};
use crate::view;

view! {
    /// A topic as a subscription shows it.
    TopicDto {
        id: Id = "_id";
        key: String = "key";
        name: Option<String> = "name";
    }
}

view! {
    /// A subscriber as a subscription shows them.
    SubscriberDto {
        id: Id = "_id";
        subscriber_id: String = "subscriberId";
        avatar: Option<Value> = "avatar";
        first_name: Option<Value> = "firstName";
        last_name: Option<Value> = "lastName";
        email: Option<Value> = "email";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// A subscription with everything about it.
    SubscriptionResponse {
        id: Id = "_id";
        identifier: String = "identifier";
        name: Option<String> = "name";
        topic: TopicDto = "topic";
        subscriber: Nullable<SubscriberDto> = "subscriber";
        preferences: Option<Vec<PreferenceResponse>> = "preferences";
        context_keys: Vec<String> = "contextKeys";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// A subscription in lists.
    TopicSubscriptionResponse {
        id: Id = "_id";
        identifier: String = "identifier";
        created_at: Time = "createdAt";
        topic: TopicResponse = "topic";
        subscriber: SubscriberDto = "subscriber";
        context_keys: Vec<String> = "contextKeys";
    }
}

view! {
    /// What one subscription says.
    SubscriptionDetailsResponse {
        id: Id = "id";
        identifier: String = "identifier";
        name: Option<String> = "name";
        preferences: Option<Vec<PreferenceResponse>> = "preferences";
        context_keys: Vec<String> = "contextKeys";
    }
}

view! {
    /// How many entries of a call there were, and what became of them.
    MetaDto {
        total_count: i64 = "totalCount";
        successful: i64 = "successful";
        failed: i64 = "failed";
    }
}

view! {
    /// Why one entry of a call failed.
    SubscriptionErrorDto {
        subscriber_id: String = "subscriberId";
        code: &'static str = "code";
        message: String = "message";
    }
}

view! {
    /// What became of the entries of a call.
    SubscriptionsResult {
        data: Vec<SubscriptionResponse> = "data";
        meta: MetaDto = "meta";
        /// Absent when there are none.
        errors: Option<Vec<SubscriptionErrorDto>> = "errors";
    }
}

fn subscriber(subscriber: &Subscriber) -> SubscriberDto {
    let member = |name: &str| subscriber.profile.get(name).cloned();
    SubscriberDto {
        id: subscriber.id,
        subscriber_id: subscriber.subscriber_id.clone(),
        avatar: member("avatar"),
        first_name: member("firstName"),
        last_name: member("lastName"),
        email: member("email"),
        created_at: subscriber.created_at,
        updated_at: subscriber.updated_at,
    }
}

/// A subscription with its topic and, unless they are gone, its subscriber.
pub(super) fn subscription(
    one: &Subscription,
    topic: &Topic,
    of: Option<&Subscriber>,
    named: &Named,
) -> SubscriptionResponse {
    SubscriptionResponse {
        id: one.id,
        identifier: one.identifier.clone(),
        name: one.name.clone(),
        topic: TopicDto {
            id: topic.id,
            key: topic.key.clone(),
            name: topic.name.clone(),
        },
        subscriber: Nullable(of.map(subscriber)),
        preferences: named.preferences(one),
        context_keys: one.contexts.keys().to_vec(),
        created_at: one.created_at,
        updated_at: one.updated_at,
    }
}

pub(super) fn details(one: &Subscription, named: &Named) -> SubscriptionDetailsResponse {
    SubscriptionDetailsResponse {
        id: one.id,
        identifier: one.identifier.clone(),
        name: one.name.clone(),
        preferences: named.preferences(one),
        context_keys: one.contexts.keys().to_vec(),
    }
}

pub(crate) fn listed(membership: Membership) -> TopicSubscriptionResponse {
    TopicSubscriptionResponse {
        id: membership.subscription.id,
        identifier: membership.subscription.identifier,
        created_at: membership.subscription.created_at,
        topic: topic(membership.topic),
        subscriber: subscriber(&membership.subscriber),
        context_keys: membership.subscription.contexts.keys().to_vec(),
    }
}

/// The answer to a call whose entries succeed or fail one by one; a refusal, with the same members, when all failed.
pub(super) fn result(
    total: usize,
    data: Vec<SubscriptionResponse>,
    errors: Vec<SubscriptionErrorDto>,
) -> Result<SubscriptionsResult> {
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let all_failed = data.is_empty();
    let message = errors.first().map(|error| error.message.clone()).unwrap_or_default();
    let result = SubscriptionsResult {
        meta: MetaDto {
            total_count: count(total),
            successful: count(data.len()),
            failed: count(errors.len()),
        },
        data,
        errors: (!errors.is_empty()).then_some(errors),
    };
    if !all_failed {
        return Ok(result);
    }
    match serde_json::to_value(&result).map_err(Error::internal)? {
        Value::Object(members) => Err(Error::bad_request(message).with_all(members)),
        _ => Err(Error::bad_request(message).with_all(Map::new())),
    }
}
