//! Subscribers: the people who are notified, known by the caller's own `subscriberId`.

use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value};

use crate::db::{Batch, Columns, FromRow, StoreError, Val};
use crate::integrations::Integration;
use crate::page::{Cursor, List, Listed, Page};
use crate::{Store, args, queries};

/// The conflict of two creations of one subscriber.
pub const EXISTS: &str = "subscribers_subscriber_id";
/// The conflict of two changes of one subscriber.
pub const CHANGED: &str = "subscriber changed meanwhile";

queries! {
    FIND = "SELECT id, subscriber_id, profile, is_online, last_online_at, created_at, updated_at
        FROM subscribers WHERE environment_id = $1 AND subscriber_id = $2";
    FIND_MANY = "SELECT id, subscriber_id, profile, is_online, last_online_at, created_at, updated_at
        FROM subscribers WHERE environment_id = $1 AND subscriber_id {in:$2}";
    FIND_BY_IDS = "SELECT id, subscriber_id, profile, is_online, last_online_at, created_at, updated_at
        FROM subscribers WHERE environment_id = $1 AND id {in:$2}";
    NEXT = "SELECT id, subscriber_id, profile, is_online, last_online_at, created_at, updated_at
        FROM subscribers WHERE environment_id = $1 AND id > $2 AND created_at <= $3 ORDER BY id LIMIT $4";
    INSERT = {
        insert "subscribers",
        "environment_id text, id text, subscriber_id text, profile text, email text, phone text, first_name text, last_name text, full_name text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, subscriber_id) DO NOTHING"
    };
    UPDATE = "UPDATE subscribers SET profile = $3, email = $4, phone = $5, first_name = $6, last_name = $7,
        full_name = $8, updated_at = $9 WHERE environment_id = $1 AND id = $2 AND profile = $10";
    DELETE = "DELETE FROM subscribers WHERE environment_id = $1 AND id = $2";
    DELETE_CHANNELS = "DELETE FROM subscriber_channels WHERE environment_id = $1 AND subscriber_id = $2";
    DELETE_ENDPOINTS = "DELETE FROM endpoints WHERE environment_id = $1 AND subscriber_id = $2";
    DELETE_SUBSCRIPTIONS = "DELETE FROM subscriptions WHERE environment_id = $1 AND subscriber_id = $2";
    DELETE_PREFERENCES = "DELETE FROM preferences WHERE environment_id = $1 AND subscriber_id = $2";
    DELETE_MESSAGES = "DELETE FROM messages WHERE environment_id = $1 AND subscriber_id = $2";
    CHANNELS = "SELECT c.subscriber_id, c.integration_id, i.identifier, c.provider_id, c.credentials
        FROM subscriber_channels c
        {join_one:integrations i ON i.environment_id = c.environment_id AND i.id = c.integration_id AND i.deleted_at IS NULL}
        WHERE c.environment_id = $1 AND c.subscriber_id {in:$2} ORDER BY c.created_at, c.integration_id";
    INSERT_CHANNEL = {
        insert "subscriber_channels",
        "environment_id text, subscriber_id text, integration_id text, provider_id text, credentials text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, subscriber_id, integration_id) DO NOTHING"
    };
    UPDATE_CHANNEL = "UPDATE subscriber_channels SET credentials = $4, updated_at = $5
        WHERE environment_id = $1 AND subscriber_id = $2 AND integration_id = $3 AND credentials = $6";
    DELETE_PROVIDER_CHANNELS =
        "DELETE FROM subscriber_channels WHERE environment_id = $1 AND subscriber_id = $2 AND provider_id = $3";
    TOUCH = "UPDATE subscribers SET updated_at = $3 WHERE environment_id = $1 AND id = $2";
    SET_ONLINE = "UPDATE subscribers SET is_online = $3, last_online_at = COALESCE($4, last_online_at),
        updated_at = $5
        WHERE environment_id = $1 AND id = $2";
}

const COLUMNS: &str = "t.id, t.subscriber_id, t.profile, t.is_online, t.last_online_at, t.created_at, t.updated_at";

/// One subscriber. `profile` holds what was ever set, explicit nulls included: what was never set is absent.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Our id.
    pub id: Id,
    /// The caller's id.
    pub subscriber_id: String,
    /// `firstName`, `lastName`, `email`, `phone`, `avatar`, `locale`, `timezone`, `data`.
    pub profile: Map<String, Value>,
    /// Whether the subscriber has a session open.
    pub is_online: Option<bool>,
    /// When the last session ended.
    pub last_online_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl Subscriber {
    /// A text of the profile; null and absent are nothing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.profile.get(name).and_then(Value::as_str)
    }
}

impl FromRow for Subscriber {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            subscriber_id: c.text()?,
            profile: match c.json()? {
                Value::Object(profile) => profile,
                _ => {
                    return Err(StoreError::Corrupt(
                        "a subscriber's profile is not an object".to_owned(),
                    ));
                }
            },
            is_online: c.opt_bool()?,
            last_online_at: c.opt_time()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

impl Listed for Subscriber {
    fn id(&self) -> Id {
        self.id
    }
}

/// What a list of subscribers is narrowed to; all of them must hold.
#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    /// Exactly this address.
    pub email: Option<String>,
    /// Exactly this number.
    pub phone: Option<String>,
    /// Exactly this id.
    pub subscriber_id: Option<String>,
    /// Exactly this first, last or full name.
    pub name: Option<String>,
}

/// Legacy channel credentials of a subscriber at one integration.
#[derive(Clone, Debug)]
pub struct SubscriberChannel {
    /// Whose they are.
    pub subscriber: Id,
    /// The integration.
    pub integration_id: Id,
    /// The integration's identifier.
    pub integration_identifier: String,
    /// The integration's provider.
    pub provider_id: String,
    credentials: String,
}

impl FromRow for SubscriberChannel {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            subscriber: c.id()?,
            integration_id: c.id()?,
            integration_identifier: c.text()?,
            provider_id: c.text()?,
            credentials: c.text()?,
        })
    }
}

const CREDENTIALS: &str = "subscriber_channels.credentials";

fn channel_row(subscriber: Id, integration: Id) -> String {
    format!("{subscriber}/{integration}")
}

impl Store {
    /// One subscriber by the caller's id.
    pub async fn subscriber(&self, ctx: &Ctx, subscriber_id: &str) -> Result<Option<Subscriber>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, subscriber_id]).await
    }

    /// The subscribers with these of the caller's ids, in no order.
    pub async fn subscribers_named(&self, ctx: &Ctx, ids: Vec<String>) -> Result<Vec<Subscriber>, StoreError> {
        self.db.all(&FIND_MANY, args![ctx.environment, ids]).await
    }

    /// The subscribers with these of our ids, in no order.
    pub async fn subscribers_by_id(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<Subscriber>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_BY_IDS, args![ctx.environment, ids]).await
    }

    /// A page of subscribers.
    pub async fn list_subscribers(
        &self,
        ctx: &Ctx,
        filter: &SubscriberFilter,
        cursor: &Cursor,
    ) -> Result<Page<Subscriber>, StoreError> {
        let mut list = List::new(ctx, COLUMNS, "subscribers");
        if let Some(email) = &filter.email {
            list.filter("t.email = {}", email);
        }
        if let Some(phone) = &filter.phone {
            list.filter("t.phone = {}", phone);
        }
        if let Some(subscriber_id) = &filter.subscriber_id {
            list.filter("t.subscriber_id = {}", subscriber_id);
        }
        if let Some(name) = &filter.name {
            list.filter("t.full_name = {} OR t.first_name = {} OR t.last_name = {}", name);
        }
        list.page(&self.db, cursor).await
    }

    /// The next subscribers after this one, in the order of their ids: those who were there at this time.
    pub async fn next_subscribers(
        &self,
        ctx: &Ctx,
        after: Option<Id>,
        until: Time,
        most: usize,
    ) -> Result<Vec<Subscriber>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.db.all(&NEXT, args![ctx.environment, after, until, most]).await
    }

    /// A new subscriber, not yet stored.
    pub fn new_subscriber(&self, subscriber_id: impl Into<String>, profile: Map<String, Value>) -> Subscriber {
        let now = self.now();
        Subscriber {
            id: self.new_id(),
            subscriber_id: subscriber_id.into(),
            profile,
            is_online: None,
            last_online_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Adds a new subscriber; the commit fails with [`EXISTS`] when there is one with the same id.
    pub fn insert_subscriber(&self, batch: &mut Batch, ctx: &Ctx, subscriber: &Subscriber) {
        let mut row = args![
            ctx.environment,
            subscriber.id,
            &subscriber.subscriber_id,
            Value::Object(subscriber.profile.clone())
        ];
        row.extend(lifted(&subscriber.profile));
        row.extend(args![subscriber.created_at, subscriber.updated_at]);
        batch.expect(&INSERT, row, EXISTS);
    }

    /// Stores a changed profile; the commit fails with [`CHANGED`] when somebody else changed it since it was read.
    pub fn update_subscriber(&self, batch: &mut Batch, ctx: &Ctx, read: &Subscriber, profile: &Map<String, Value>) {
        let mut row = args![ctx.environment, read.id, Value::Object(profile.clone())];
        row.extend(lifted(profile));
        row.extend(args![self.now(), Value::Object(read.profile.clone())]);
        batch.expect(&UPDATE, row, CHANGED);
    }

    /// Removes a subscriber with everything that is only about them.
    pub fn delete_subscriber(&self, batch: &mut Batch, ctx: &Ctx, id: Id) {
        batch.expect(&DELETE, args![ctx.environment, id], CHANGED);
        for sql in [
            &DELETE_CHANNELS,
            &DELETE_ENDPOINTS,
            &DELETE_SUBSCRIPTIONS,
            &DELETE_PREFERENCES,
            &DELETE_MESSAGES,
        ] {
            batch.add(sql, args![ctx.environment, id]);
        }
    }

    /// Records whether the subscriber has a session open, and returns it as it will be.
    pub fn set_online(&self, batch: &mut Batch, ctx: &Ctx, read: Subscriber, online: bool) -> Subscriber {
        let now = self.now();
        // Only the end of a session has a time; the beginning of one keeps what is stored, whoever stored it.
        let ended = (!online).then_some(now);
        batch.expect(
            &SET_ONLINE,
            args![ctx.environment, read.id, online, ended, now],
            CHANGED,
        );
        Subscriber {
            is_online: Some(online),
            last_online_at: ended.or(read.last_online_at),
            updated_at: now,
            ..read
        }
    }

    /// The legacy channels of these subscribers, oldest first.
    pub async fn subscriber_channels(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<SubscriberChannel>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&CHANNELS, args![ctx.environment, ids]).await
    }

    /// The credentials of a legacy channel.
    pub fn open_channel(&self, channel: &SubscriberChannel) -> Result<Map<String, Value>, StoreError> {
        let row = channel_row(channel.subscriber, channel.integration_id);
        let text = self.secrets.open(
            crate::secrets::Place {
                column: CREDENTIALS,
                row: &row,
            },
            &channel.credentials,
        )?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("channel credentials are not JSON".to_owned()))
    }

    /// Stores the credentials of a legacy channel, and returns it as it will be; the subscriber counts as changed too.
    /// `read` is the channel as it was read, if there was one: the commit fails with [`CHANGED`] when it is not so any
    /// more.
    pub fn put_channel(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        subscriber: &mut Subscriber,
        integration: &Integration,
        read: Option<&SubscriberChannel>,
        credentials: &Map<String, Value>,
    ) -> Result<SubscriberChannel, StoreError> {
        let row = channel_row(subscriber.id, integration.id);
        let text = Value::Object(credentials.clone()).to_string();
        let sealed = self.secrets.seal(
            crate::secrets::Place {
                column: CREDENTIALS,
                row: &row,
            },
            &text,
        )?;
        let now = self.now();
        subscriber.updated_at = now;
        // The subscriber's row goes first, so that no channel outlives a subscriber who is deleted at the same time.
        batch.expect(&TOUCH, args![ctx.environment, subscriber.id, now], CHANGED);
        let mut args = args![ctx.environment, subscriber.id, integration.id];
        if let Some(read) = read {
            args.extend(args![&sealed, now, &read.credentials]);
            batch.expect(&UPDATE_CHANNEL, args, CHANGED);
        } else {
            args.extend(args![&integration.provider_id, &sealed, now, now]);
            batch.expect(&INSERT_CHANNEL, args, CHANGED);
        }
        Ok(SubscriberChannel {
            subscriber: subscriber.id,
            integration_id: integration.id,
            integration_identifier: integration.identifier.clone(),
            provider_id: integration.provider_id.clone(),
            credentials: sealed,
        })
    }

    /// Removes all legacy channels of a provider; the commit fails with [`CHANGED`] when the subscriber is gone.
    pub fn delete_channels(&self, batch: &mut Batch, ctx: &Ctx, subscriber: Id, provider_id: &str) {
        batch.expect(&TOUCH, args![ctx.environment, subscriber, self.now()], CHANGED);
        batch.add(
            &DELETE_PROVIDER_CHANNELS,
            args![ctx.environment, subscriber, provider_id],
        );
    }
}

/// The columns that lists are searched by.
fn lifted(profile: &Map<String, Value>) -> Vec<Val> {
    let text = |name: &str| {
        profile
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (first, last) = (text("firstName"), text("lastName"));
    let full = match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        _ => None,
    };
    args![text("email"), text("phone"), first, last, full]
}
