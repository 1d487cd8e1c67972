//! Messages: what one channel step made for one subscriber.

use campanile_model::channel::{MessageStatus, Severity};
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::{Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::notifications::Settled;
use crate::page::{List, Listed};
use crate::{Store, args, queries};

/// The conflict of deleting a message that is gone.
pub const GONE: &str = "message";

pub(crate) const OVERRIDES: &str = "messages.overrides";

queries! {
    INSERT = {
        insert "messages",
        "environment_id text, id text, event_id text, notification_id text, position int, workflow_id text, transaction_id text, subscriber_id text, contexts text, channel text, provider_id text, integration_id text, content text, overrides text, channel_data text, status text, error_id text, error_text text, open int, sent int, expires_at int, created_at int, updated_at int, subject text, avatar text, cta text, data text, tags text, severity text, email text, phone text, device_tokens text, delivered_at text"
    };
    /// One delivery has ended an attempt: sent as soon as one went out, warning while one waits, else error.
    SETTLE = {
        many
        sqlite: "UPDATE messages SET open = open - $3, sent = sent + $4, updated_at = $5,
            status = CASE WHEN sent + $4 > 0 THEN 'sent' WHEN open - $3 > 0 THEN 'warning' ELSE 'error' END,
            error_id = CASE WHEN sent + $4 > 0 THEN NULL ELSE coalesce($6, error_id) END,
            error_text = CASE WHEN sent + $4 > 0 THEN NULL ELSE coalesce($7, error_text) END
            WHERE environment_id = $1 AND id = $2",
        postgres: "UPDATE messages SET open = open - made.ended, sent = messages.sent + made.sent, updated_at = made.at,
            status = CASE WHEN messages.sent + made.sent > 0 THEN 'sent' WHEN open - made.ended > 0 THEN 'warning' ELSE 'error' END,
            error_id = CASE WHEN messages.sent + made.sent > 0 THEN NULL ELSE coalesce(made.error_id, messages.error_id) END,
            error_text = CASE WHEN messages.sent + made.sent > 0 THEN NULL ELSE coalesce(made.error_text, messages.error_text) END
            FROM (SELECT environment_id, id, sum(ended)::int8 AS ended, sum(sent)::int8 AS sent, max(at) AS at,
                    max(error_id) AS error_id, max(error_text) AS error_text
                FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[])
                    AS one (environment_id, id, ended, sent, at, error_id, error_text)
                GROUP BY environment_id, id) AS made
            WHERE messages.environment_id = made.environment_id AND messages.id = made.id",
    };
    OF_NOTIFICATIONS = "SELECT id, event_id, notification_id, position, workflow_id, transaction_id, subscriber_id, contexts, channel, provider_id, integration_id, content, channel_data, status, error_id, error_text, expires_at, created_at, updated_at,
        subject, avatar, cta, data, tags, severity, email, phone, device_tokens, is_seen, is_read, is_archived, first_seen_at,
        last_seen_at, last_read_at, archived_at, snoozed_until, delivered_at
        FROM messages WHERE environment_id = $1 AND notification_id {in:$2} ORDER BY id";
    CANCEL = "UPDATE messages SET status = CASE WHEN sent > 0 THEN 'sent' ELSE 'error' END,
        error_id = CASE WHEN sent > 0 THEN error_id ELSE 'canceled' END,
        error_text = CASE WHEN sent > 0 THEN error_text ELSE $4 END, updated_at = $5
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3 AND status = 'warning'";
    DELETE = "DELETE FROM messages WHERE environment_id = $1 AND id = $2";
    DELETE_OF_EVENT = "DELETE FROM messages WHERE environment_id = $1 AND event_id = $2 AND ($3 = '' OR channel = $3)";
    COUNT_OF_EVENT = "SELECT count(*) FROM messages WHERE environment_id = $1 AND event_id = $2 AND ($3 = '' OR channel = $3)";
}

const COLUMNS: &str = "t.id, t.event_id, t.notification_id, t.position, t.workflow_id, t.transaction_id, \
    t.subscriber_id, t.contexts, t.channel, t.provider_id, t.integration_id, t.content, t.channel_data, \
    t.status, t.error_id, t.error_text, t.expires_at, t.created_at, t.updated_at, \
    t.subject, t.avatar, t.cta, t.data, t.tags, t.severity, t.email, t.phone, t.device_tokens, \
    t.is_seen, t.is_read, t.is_archived, t.first_seen_at, t.last_seen_at, t.last_read_at, t.archived_at, \
    t.snoozed_until, t.delivered_at";

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: Id,
    /// The event.
    pub event_id: Id,
    /// The notification.
    pub notification_id: Id,
    /// The job's place.
    pub position: i64,
    /// The workflow.
    pub workflow_id: Id,
    /// The event's name.
    pub transaction_id: String,
    /// Our id of the subscriber.
    pub subscriber_id: Id,
    /// What it is about.
    pub contexts: ContextSet,
    /// Through what it goes.
    pub channel: Channel,
    /// Through whom.
    pub provider_id: String,
    /// Through which account.
    pub integration_id: Id,
    /// The text.
    pub content: String,
    /// What the trigger overrides for the provider: `{provider, custom}`. Written with the message, read by its
    /// deliveries only.
    pub overrides: Value,
    /// Where it goes, secrets masked, as JSON.
    pub channel_data: Value,
    /// What became of it.
    pub status: MessageStatus,
    /// The kind of its last error.
    pub error_id: Option<String>,
    /// Its last error.
    pub error_text: Option<String>,
    /// Until when it is worth sending.
    pub expires_at: Time,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// What the channel has besides the text.
    pub head: Head,
    /// What the subscriber did with it, where they can.
    pub attention: Attention,
}

/// What a channel has besides the text of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// The subject of a mail, the title of a push or an in-app message.
    pub subject: Option<String>,
    /// The picture beside an in-app message.
    pub avatar: Option<String>,
    /// Where an in-app message leads: `{type, data: {url, target}, action: {status, buttons}}`.
    pub cta: Option<Value>,
    /// The author's own members.
    pub data: Option<Value>,
    /// The workflow's tags when it was made.
    pub tags: Vec<String>,
    /// How urgent it is shown.
    pub severity: Severity,
    /// The address that a mail goes to.
    pub email: Option<String>,
    /// The number that an SMS goes to.
    pub phone: Option<String>,
    /// The devices that a push goes to, masked.
    pub device_tokens: Vec<String>,
}

/// What the subscriber did with an in-app message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attention {
    /// Whether it was shown.
    pub seen: bool,
    /// Whether it was read.
    pub read: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// When it was first shown.
    pub first_seen_at: Option<Time>,
    /// When it was last shown.
    pub last_seen_at: Option<Time>,
    /// When it was last read.
    pub last_read_at: Option<Time>,
    /// When it was put away.
    pub archived_at: Option<Time>,
    /// Until when it stays away.
    pub snoozed_until: Option<Time>,
    /// When it came up: once when it was made, and after each snooze.
    pub delivered_at: Vec<Time>,
}

impl Head {
    fn read(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            subject: c.opt_text()?,
            avatar: c.opt_text()?,
            cta: c.opt_json()?,
            data: c.opt_json()?,
            tags: c.texts()?,
            severity: c.wire(Severity::parse)?,
            email: c.opt_text()?,
            phone: c.opt_text()?,
            device_tokens: texts(c.opt_json()?.as_ref()),
        })
    }
}

impl Attention {
    fn read(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            seen: c.bool()?,
            read: c.bool()?,
            archived: c.bool()?,
            first_seen_at: c.opt_time()?,
            last_seen_at: c.opt_time()?,
            last_read_at: c.opt_time()?,
            archived_at: c.opt_time()?,
            snoozed_until: c.opt_time()?,
            delivered_at: texts(c.opt_json()?.as_ref())
                .iter()
                .filter_map(|text| Time::parse(text))
                .collect(),
        })
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

impl FromRow for Message {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            event_id: c.id()?,
            notification_id: c.id()?,
            position: c.int()?,
            workflow_id: c.id()?,
            transaction_id: c.text()?,
            subscriber_id: c.id()?,
            contexts: ContextSet::from_stored(&c.text()?),
            channel: c.wire(Channel::parse)?,
            provider_id: c.text()?,
            integration_id: c.id()?,
            content: c.text()?,
            overrides: Value::Null,
            channel_data: c.json()?,
            status: c.wire(MessageStatus::parse)?,
            error_id: c.opt_text()?,
            error_text: c.opt_text()?,
            expires_at: c.time()?,
            created_at: c.time()?,
            updated_at: c.time()?,
            head: Head::read(c)?,
            attention: Attention::read(c)?,
        })
    }
}

impl Listed for Message {
    fn id(&self) -> Id {
        self.id
    }
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

/// What a list of messages is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// This channel.
    pub channel: Option<Channel>,
    /// This subscriber.
    pub subscriber: Option<Id>,
    /// Any of these events; `Some` of an empty list matches none.
    pub events: Option<Vec<Id>>,
    /// Exactly this set of contexts.
    pub contexts: Option<ContextSet>,
}

impl Store {
    /// Adds a message with so many open deliveries.
    pub fn insert_message(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        message: &Message,
        deliveries: usize,
    ) -> Result<(), StoreError> {
        if let Some(rehearsed) = &mut batch.rehearsed {
            rehearsed.messages.push(message.clone());
        }
        let overrides = self.seal_overrides(OVERRIDES, message.id, &message.overrides.to_string())?;
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                message.id,
                message.event_id,
                message.notification_id,
                message.position,
                message.workflow_id,
                &message.transaction_id,
                message.subscriber_id,
                message.contexts.stored(),
                message.channel.wire(),
                &message.provider_id,
                message.integration_id,
                &message.content,
                overrides,
                &message.channel_data,
                message.status.wire(),
                message.error_id.clone(),
                message.error_text.clone(),
                deliveries,
                0i64,
                message.expires_at,
                message.created_at,
                message.updated_at,
                message.head.subject.clone(),
                message.head.avatar.clone(),
                message.head.cta.clone(),
                message.head.data.clone(),
                json!(message.head.tags),
                message.head.severity.wire(),
                message.head.email.clone(),
                message.head.phone.clone(),
                (!message.head.device_tokens.is_empty()).then(|| json!(message.head.device_tokens)),
                (!message.attention.delivered_at.is_empty()).then(|| json!(message.attention.delivered_at))
            ],
        );
        Ok(())
    }

    /// Adds the end of one delivery's attempt to the counts of its message, with the error when there was one.
    pub fn settle_message(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        message: Id,
        settled: Settled,
        error: Option<(&str, &str)>,
    ) {
        batch.add(
            &SETTLE,
            args![
                ctx.environment,
                message,
                i64::from(settled.ended),
                i64::from(settled.sent),
                self.now(),
                error.map(|(id, _)| id),
                error.map(|(_, text)| text)
            ],
        );
    }

    /// Adds the end of a job's messages that wait, with the reason.
    pub fn cancel_messages(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, reason: &str) {
        batch.add(
            &CANCEL,
            args![ctx.environment, notification, position, reason, self.now()],
        );
    }

    /// The messages of these notifications, oldest first.
    pub async fn messages_of(&self, ctx: &Ctx, notifications: Vec<Id>) -> Result<Vec<Message>, StoreError> {
        if notifications.is_empty() {
            return Ok(Vec::new());
        }
        self.db
            .all(&OF_NOTIFICATIONS, args![ctx.environment, notifications])
            .await
    }

    /// A page of messages, newest first, and whether there are more.
    pub async fn list_messages(
        &self,
        ctx: &Ctx,
        filter: &MessageFilter,
        page: u32,
        limit: u32,
    ) -> Result<(Vec<Message>, bool), StoreError> {
        let mut list = List::new(ctx, COLUMNS, "messages");
        if let Some(channel) = filter.channel {
            list.filter("t.channel = {}", channel.wire());
        }
        if let Some(subscriber) = filter.subscriber {
            list.filter("t.subscriber_id = {}", subscriber);
        }
        if let Some(events) = &filter.events {
            list.any_of("t.event_id", events.clone());
        }
        if let Some(contexts) = &filter.contexts {
            list.filter("t.contexts = {}", contexts.stored());
        }
        list.offset_page(&self.db, page, limit).await
    }

    /// Adds the removal of a message; the commit fails with [`GONE`] when it is not there.
    pub fn delete_message(&self, batch: &mut Batch, ctx: &Ctx, message: Id) {
        batch.expect(&DELETE, args![ctx.environment, message], GONE);
    }

    /// How many messages an event made, in one channel or in all.
    pub async fn count_messages_of_event(
        &self,
        ctx: &Ctx,
        event: Id,
        channel: Option<Channel>,
    ) -> Result<i64, StoreError> {
        let channel = channel.map_or("", Channel::wire);
        let count = self
            .db
            .first::<Count>(&COUNT_OF_EVENT, args![ctx.environment, event, channel])
            .await?;
        Ok(count.map_or(0, |count| count.0))
    }

    /// Adds the removal of all messages of an event, in one channel or in all.
    pub fn delete_messages_of_event(&self, batch: &mut Batch, ctx: &Ctx, event: Id, channel: Option<Channel>) {
        batch.add(
            &DELETE_OF_EVENT,
            args![ctx.environment, event, channel.map_or("", Channel::wire)],
        );
    }
}
