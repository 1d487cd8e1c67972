//! A subscriber in answers.

use campanile_model::{Ctx, Id, Result, Time};
use campanile_store::Store;
use campanile_store::subscribers::{Subscriber, SubscriberChannel};
use serde_json::{Map, Value, json};

use crate::view;

view! {
    /// A subscriber. Members that were never set are absent; those set to null are null.
    SubscriberResponse {
        id: Id = "_id";
        organization_id: Id = "_organizationId";
        environment_id: Id = "_environmentId";
        subscriber_id: String = "subscriberId";
        first_name: Option<Value> = "firstName";
        last_name: Option<Value> = "lastName";
        email: Option<Value> = "email";
        phone: Option<Value> = "phone";
        avatar: Option<Value> = "avatar";
        locale: Option<Value> = "locale";
        timezone: Option<Value> = "timezone";
        data: Option<Value> = "data";
        channels: Vec<Value> = "channels";
        is_online: Option<bool> = "isOnline";
        last_online_at: Option<Time> = "lastOnlineAt";
        deleted: bool = "deleted";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        version: i64 = "__v";
    }
}

/// The subscriber with those of these channels that are theirs.
pub(crate) fn of(
    store: &Store,
    ctx: &Ctx,
    subscriber: &Subscriber,
    channels: &[SubscriberChannel],
) -> Result<SubscriberResponse> {
    let member = |name: &str| subscriber.profile.get(name).cloned();
    let mut shown = Vec::new();
    for channel in channels.iter().filter(|channel| channel.subscriber == subscriber.id) {
        shown.push(json!({
            "providerId": channel.provider_id,
            "integrationIdentifier": channel.integration_identifier,
            "credentials": Value::Object(store.open_channel(channel)?),
            "_integrationId": channel.integration_id,
        }));
    }
    Ok(SubscriberResponse {
        id: subscriber.id,
        organization_id: ctx.organization,
        environment_id: ctx.environment,
        subscriber_id: subscriber.subscriber_id.clone(),
        first_name: member("firstName"),
        last_name: member("lastName"),
        email: member("email"),
        phone: member("phone"),
        avatar: member("avatar"),
        locale: member("locale"),
        timezone: member("timezone"),
        data: member("data"),
        channels: shown,
        is_online: subscriber.is_online,
        last_online_at: subscriber.last_online_at,
        deleted: false,
        created_at: subscriber.created_at,
        updated_at: subscriber.updated_at,
        version: 0,
    })
}

/// Subscribers with their channels, which are read in one query.
pub(crate) async fn with_channels(
    store: &Store,
    ctx: &Ctx,
    subscribers: &[Subscriber],
) -> Result<Vec<SubscriberResponse>> {
    let ids = subscribers.iter().map(|subscriber| subscriber.id).collect();
    let channels = store.subscriber_channels(ctx, ids).await?;
    subscribers
        .iter()
        .map(|subscriber| of(store, ctx, subscriber, &channels))
        .collect()
}

/// One subscriber with its channels.
pub(crate) async fn one(store: &Store, ctx: &Ctx, subscriber: &Subscriber) -> Result<SubscriberResponse> {
    let channels = store.subscriber_channels(ctx, vec![subscriber.id]).await?;
    of(store, ctx, subscriber, &channels)
}

/// The members of a subscriber's JSON object, for the 409 that carries the existing resource.
pub(crate) fn members(view: &SubscriberResponse) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
