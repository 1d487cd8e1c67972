//! A message in answers.

use std::collections::HashMap;

use campanile_model::channel::{MessageStatus, Severity};
use campanile_model::{Channel, Ctx, Id, Result, Time};
use campanile_providers::catalogue;
use campanile_store::Store;
use campanile_store::messages::Message;
use serde_json::{Value, json};

use crate::view;

view! {
    /// What one channel step made for one subscriber.
    MessageResponse {
        id: Id = "_id";
        environment_id: Id = "_environmentId";
        organization_id: Id = "_organizationId";
        notification_id: Id = "_notificationId";
        subscriber_row: Id = "_subscriberId";
        template_id: Id = "_templateId";
        template_identifier: Option<String> = "templateIdentifier";
        subscriber: Option<Value> = "subscriber";
        transaction_id: String = "transactionId";
        channel: Channel = "channel";
        provider_id: String = "providerId";
        content: String = "content";
        channel_data: Value = "channelData";
        subject: Option<String> = "subject";
        email: Option<String> = "email";
        phone: Option<String> = "phone";
        device_tokens: Option<Vec<String>> = "deviceTokens";
        cta: Value = "cta";
        avatar: Option<String> = "avatar";
        data: Option<Value> = "data";
        tags: Vec<String> = "tags";
        severity: Severity = "severity";
        read: bool = "read";
        seen: bool = "seen";
        archived: bool = "archived";
        last_seen: Option<Time> = "lastSeenDate";
        last_read: Option<Time> = "lastReadDate";
        snoozed_until: Option<Time> = "snoozedUntil";
        delivered_at: Option<Vec<Time>> = "deliveredAt";
        status: MessageStatus = "status";
        error_id: Option<String> = "errorId";
        error_text: Option<String> = "errorText";
        payload: Value = "payload";
        overrides: Value = "overrides";
        context_keys: Vec<String> = "contextKeys";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

/// Messages with what belongs to them; each kind of thing is read in one query.
pub(super) async fn of(store: &Store, ctx: &Ctx, messages: Vec<Message>) -> Result<Vec<MessageResponse>> {
    let ids = |ids: Vec<Id>| {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let events = store
        .events(ctx, ids(messages.iter().map(|one| one.event_id).collect()))
        .await?;
    let events: HashMap<Id, _> = events.into_iter().map(|event| (event.id, event)).collect();
    let subscribers = store
        .subscribers_by_id(ctx, ids(messages.iter().map(|one| one.subscriber_id).collect()))
        .await?;
    let subscribers: HashMap<Id, _> = subscribers.into_iter().map(|one| (one.id, one)).collect();
    let workflows = store
        .workflows_by_id(ctx, ids(messages.iter().map(|one| one.workflow_id).collect()))
        .await?;
    let workflows: HashMap<Id, _> = workflows.into_iter().map(|one| (one.id, one)).collect();
    let shown = messages.into_iter().map(|one| {
        let event = events.get(&one.event_id);
        let json = |text: Option<&str>| {
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_else(|| json!({}))
        };
        MessageResponse {
            id: one.id,
            environment_id: ctx.environment,
            organization_id: ctx.organization,
            notification_id: one.notification_id,
            subscriber_row: one.subscriber_id,
            template_id: one.workflow_id,
            template_identifier: workflows
                .get(&one.workflow_id)
                .map(|workflow| workflow.workflow_id.clone()),
            subscriber: subscribers.get(&one.subscriber_id).map(|subscriber| {
                let mut short = json!({
                    "_id": subscriber.id,
                    "subscriberId": subscriber.subscriber_id,
                    "_organizationId": ctx.organization,
                    "_environmentId": ctx.environment,
                    "deleted": false,
                    "createdAt": subscriber.created_at,
                    "updatedAt": subscriber.updated_at,
                });
                for member in ["firstName", "lastName", "email", "phone"] {
                    if let Some(text) = subscriber.field(member) {
                        short[member] = text.into();
                    }
                }
                short
            }),
            transaction_id: one.transaction_id,
            channel: one.channel,
            provider_id: catalogue::listed_for_sdk(&one.provider_id, listed_channel(one.channel)).to_owned(),
            content: one.content,
            channel_data: one.channel_data,
            subject: one.head.subject,
            email: one.head.email,
            phone: one.head.phone,
            device_tokens: Some(one.head.device_tokens).filter(|tokens| !tokens.is_empty()),
            cta: one.head.cta.unwrap_or_else(|| json!({})),
            avatar: one.head.avatar,
            data: one.head.data,
            tags: one.head.tags,
            severity: one.head.severity,
            read: one.attention.read,
            seen: one.attention.seen,
            archived: one.attention.archived,
            last_seen: one.attention.last_seen_at,
            last_read: one.attention.last_read_at,
            snoozed_until: one.attention.snoozed_until,
            delivered_at: Some(one.attention.delivered_at).filter(|times| !times.is_empty()),
            status: one.status,
            error_id: one.error_id,
            error_text: one.error_text,
            payload: json(event.map(|event| event.payload.as_str())),
            overrides: campanile_providers::mask_overrides(&json(event.map(|event| event.overrides.as_str()))),
            context_keys: one.contexts.keys().to_vec(),
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    });
    Ok(shown.collect())
}

/// The channel as the catalogue names it.
const fn listed_channel(channel: Channel) -> catalogue::Channel {
    match channel {
        Channel::InApp => catalogue::Channel::InApp,
        Channel::Email => catalogue::Channel::Email,
        Channel::Sms => catalogue::Channel::Sms,
        Channel::Chat => catalogue::Channel::Chat,
        Channel::Push => catalogue::Channel::Push,
        Channel::Tool => catalogue::Channel::Tool,
    }
}
