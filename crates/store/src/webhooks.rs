//! Webhook endpoints: who is told of changes. Address and secrets are sealed, because both let others in.

mod deliveries;

use std::time::Duration;

use campanile_model::{Ctx, Id, Time};
use serde_json::json;

#[cfg(any(test, feature = "testing"))]
pub(crate) use deliveries::ALL as ALL_DELIVERIES;
pub use deliveries::{
    DeliveryFilter, NewWebhookDelivery, Redrive, WebhookAttempt, WebhookAttempted, WebhookCall, WebhookDelivery,
};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::page::{Cursor, List, Listed, Page};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of two changes of one webhook endpoint.
pub const CHANGED: &str = "webhook endpoint changed meanwhile";

/// How long the secret before the last rotation signs too.
pub const OVERLAP: Duration = Duration::from_hours(24);
/// A success is noted at most this often: the row of a busy endpoint is not written with every call.
const SUCCESS_NOTED_EVERY: Duration = Duration::from_mins(1);

const URL: &str = "webhook_endpoints.url";
const SECRET: &str = "webhook_endpoints.secret";
const OLD_SECRET: &str = "webhook_endpoints.old_secret";

queries! {
    FIND = "SELECT t.id, t.url, t.description, t.events, t.active, t.secret, t.old_secret, t.old_secret_until,
            t.failing_since, t.disabled_at, t.disabled_reason, t.last_success_at, t.created_at, t.updated_at
        FROM webhook_endpoints t WHERE t.environment_id = $1 AND t.id = $2";
    COUNT = "SELECT count(*) FROM webhook_endpoints WHERE environment_id = $1";
    ACTIVE = "SELECT environment_id, id, events FROM webhook_endpoints WHERE environment_id {in:$1} AND active
        ORDER BY id";
    INSERT = {
        insert "webhook_endpoints",
        "environment_id text, id text, url text, description text, events text, active bool, secret text, created_at int, updated_at int"
    };
    /// The sealed address is another one each time it is written, so that it tells whether the row is still as it was read.
    UPDATE = "UPDATE webhook_endpoints SET url = $4, description = $5, events = $6, updated_at = $7
        WHERE environment_id = $1 AND id = $2 AND url = $3";
    SET_ACTIVE = "UPDATE webhook_endpoints SET active = $3, failing_since = NULL, disabled_at = NULL,
        disabled_reason = NULL WHERE environment_id = $1 AND id = $2";
    ROTATE = "UPDATE webhook_endpoints SET secret = $4, old_secret = $5, old_secret_until = $6, updated_at = $7
        WHERE environment_id = $1 AND id = $2 AND secret = $3";
    DELETE = "DELETE FROM webhook_endpoints WHERE environment_id = $1 AND id = $2";
    SUCCEEDED = "UPDATE webhook_endpoints SET failing_since = NULL, last_success_at = $3
        WHERE environment_id = $1 AND id = $2";
    FAILED = "UPDATE webhook_endpoints SET failing_since = $3
        WHERE environment_id = $1 AND id = $2 AND failing_since IS NULL";
    DISABLE = "UPDATE webhook_endpoints SET active = FALSE, disabled_at = $3, disabled_reason = $4, disabled_change = $5
        WHERE environment_id = $1 AND id = $2 AND active AND failing_since <= $6";
    ANNOUNCE_DISABLED = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT w.environment_id, $3, $4,
                json_object('id', w.id, 'description', w.description, 'reason', w.disabled_reason), $5
            FROM webhook_endpoints w WHERE w.environment_id = $1 AND w.id = $2 AND w.disabled_change = $3",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT w.environment_id, $3::text, $4::text,
                json_build_object('id', w.id, 'description', w.description, 'reason', w.disabled_reason)::text, $5::int8
            FROM webhook_endpoints w WHERE w.environment_id = $1 AND w.id = $2 AND w.disabled_change = $3::text",
    };
    AUDIT_DISABLED = {
        sqlite: "INSERT INTO audits (organization_id, id, environment_id, actor, action, target, request_id, created_at)
            SELECT $4, $5, w.environment_id, $6, 'webhook.disable', w.id, $7, $8
            FROM webhook_endpoints w WHERE w.environment_id = $1 AND w.id = $2 AND w.disabled_change = $3",
        postgres: "INSERT INTO audits (organization_id, id, environment_id, actor, action, target, request_id, created_at)
            SELECT $4::text, $5::text, w.environment_id, $6::text, 'webhook.disable', w.id, $7::text, $8::int8
            FROM webhook_endpoints w WHERE w.environment_id = $1 AND w.id = $2 AND w.disabled_change = $3::text",
    };
}

const COLUMNS: &str = "t.id, t.url, t.description, t.events, t.active, t.secret, t.old_secret, t.old_secret_until,
    t.failing_since, t.disabled_at, t.disabled_reason, t.last_success_at, t.created_at, t.updated_at";

/// One webhook endpoint.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: Id,
    /// What its owner calls it.
    pub description: Option<String>,
    /// Which kinds of changes it is told of; all of them when the list is empty.
    pub events: Vec<String>,
    /// Whether it is told of anything.
    pub active: bool,
    /// Since when every attempt has failed.
    pub failing_since: Option<Time>,
    /// When it was disabled by itself.
    pub disabled_at: Option<Time>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// When an attempt last worked, to the minute.
    pub last_success_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    url: String,
    sealed: SealedSecrets,
}

#[derive(Clone, Debug)]
struct SealedSecrets {
    secret: String,
    old: Option<String>,
    old_until: Option<Time>,
}

impl SealedSecrets {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            secret: c.text()?,
            old: c.opt_text()?,
            old_until: c.opt_time()?,
        })
    }
}

impl FromRow for WebhookEndpoint {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (id, url, description) = (c.id()?, c.text()?, c.opt_text()?);
        let (events, active, sealed) = (c.texts()?, c.bool()?, SealedSecrets::from_row(c)?);
        Ok(Self {
            id,
            description,
            events,
            active,
            failing_since: c.opt_time()?,
            disabled_at: c.opt_time()?,
            disabled_reason: c.opt_text()?,
            last_success_at: c.opt_time()?,
            created_at: c.time()?,
            updated_at: c.time()?,
            url,
            sealed,
        })
    }
}

impl Listed for WebhookEndpoint {
    fn id(&self) -> Id {
        self.id
    }
}

/// What its owner says of a webhook endpoint.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where it is.
    pub url: String,
    /// What it is called.
    pub description: Option<String>,
    /// Which kinds of changes it is told of; all of them when the list is empty.
    pub events: Vec<String>,
}

/// An active webhook endpoint and what it is told of.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// Where.
    pub environment_id: Id,
    /// Its id.
    pub id: Id,
    /// Its filters.
    pub events: Vec<String>,
}

impl FromRow for Subscribed {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            environment_id: c.id()?,
            id: c.id()?,
            events: c.texts()?,
        })
    }
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

impl Store {
    /// One webhook endpoint.
    pub async fn webhook(&self, ctx: &Ctx, id: Id) -> Result<Option<WebhookEndpoint>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, id]).await
    }

    /// How many there are.
    pub async fn count_webhooks(&self, ctx: &Ctx) -> Result<i64, StoreError> {
        let count = self.db.first::<Count>(&COUNT, args![ctx.environment]).await?;
        Ok(count.map_or(0, |count| count.0))
    }

    /// A page of webhook endpoints.
    pub async fn list_webhooks(&self, ctx: &Ctx, cursor: &Cursor) -> Result<Page<WebhookEndpoint>, StoreError> {
        List::new(ctx, COLUMNS, "webhook_endpoints")
            .page(&self.db, cursor)
            .await
    }

    /// The active webhook endpoints of these environments.
    pub async fn subscribed(&self, environments: Vec<Id>) -> Result<Vec<Subscribed>, StoreError> {
        self.db.all(&ACTIVE, args![environments]).await
    }

    /// The address.
    pub fn webhook_url(&self, endpoint: &WebhookEndpoint) -> Result<String, StoreError> {
        self.open_webhook(URL, endpoint.id, &endpoint.url)
    }

    /// The secret that signs.
    pub fn webhook_secret(&self, endpoint: &WebhookEndpoint) -> Result<String, StoreError> {
        self.open_webhook(SECRET, endpoint.id, &endpoint.sealed.secret)
    }

    /// Until when the secret before this one signs too, while it does.
    pub fn previous_secret_until(&self, endpoint: &WebhookEndpoint) -> Option<Time> {
        endpoint.sealed.old_until.filter(|until| self.now() < *until)
    }

    /// Adds a new webhook endpoint with this secret.
    pub fn create_webhook(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        settings: WebhookSettings,
        active: bool,
        secret: &str,
    ) -> Result<WebhookEndpoint, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        let endpoint = WebhookEndpoint {
            id,
            url: self.seal_webhook(URL, id, &settings.url)?,
            description: settings.description,
            events: settings.events,
            active,
            sealed: SealedSecrets {
                secret: self.seal_webhook(SECRET, id, secret)?,
                old: None,
                old_until: None,
            },
            failing_since: None,
            disabled_at: None,
            disabled_reason: None,
            last_success_at: None,
            created_at: now,
            updated_at: now,
        };
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                id,
                &endpoint.url,
                endpoint.description.clone(),
                json!(endpoint.events),
                active,
                &endpoint.sealed.secret,
                now,
                now
            ],
        );
        self.audit(batch, ctx, "webhook.create", id);
        Ok(endpoint)
    }

    /// Changes a webhook endpoint; `active` only when it is given, because it may be disabled by itself meanwhile.
    /// Switching it on forgets its failures. The commit fails with [`CHANGED`] when it is not as it was read.
    pub fn update_webhook(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: WebhookEndpoint,
        settings: WebhookSettings,
        active: Option<bool>,
    ) -> Result<WebhookEndpoint, StoreError> {
        let sealed = self.seal_webhook(URL, read.id, &settings.url)?;
        let mut endpoint = WebhookEndpoint {
            description: settings.description,
            events: settings.events,
            updated_at: self.now(),
            ..read
        };
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                endpoint.id,
                &endpoint.url,
                &sealed,
                endpoint.description.clone(),
                json!(endpoint.events),
                endpoint.updated_at
            ],
            CHANGED,
        );
        endpoint.url = sealed;
        if let Some(active) = active {
            batch.add(&SET_ACTIVE, args![ctx.environment, endpoint.id, active]);
            endpoint = WebhookEndpoint {
                active,
                failing_since: None,
                disabled_at: None,
                disabled_reason: None,
                ..endpoint
            };
        }
        self.audit(batch, ctx, "webhook.update", endpoint.id);
        Ok(endpoint)
    }

    /// Gives a webhook endpoint another secret; the old one signs too for [`OVERLAP`]. The commit fails with [`CHANGED`]
    /// when somebody else did so meanwhile.
    pub fn rotate_webhook_secret(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &WebhookEndpoint,
        secret: &str,
    ) -> Result<Time, StoreError> {
        let (now, old) = (self.now(), self.webhook_secret(read)?);
        let until = now.plus(OVERLAP);
        batch.expect(
            &ROTATE,
            args![
                ctx.environment,
                read.id,
                &read.sealed.secret,
                self.seal_webhook(SECRET, read.id, secret)?,
                self.seal_webhook(OLD_SECRET, read.id, &old)?,
                until,
                now
            ],
            CHANGED,
        );
        self.audit(batch, ctx, "webhook.rotate_secret", read.id);
        Ok(until)
    }

    /// Removes a webhook endpoint; the commit fails with [`CHANGED`] when it is gone already. What is on its way to it
    /// finds it gone and ends.
    pub fn delete_webhook(&self, batch: &mut Batch, ctx: &Ctx, id: Id) {
        batch.expect(&DELETE, args![ctx.environment, id], CHANGED);
        self.audit(batch, ctx, "webhook.delete", id);
    }

    /// Notes that an attempt worked, when that is news.
    pub fn webhook_succeeded(&self, batch: &mut Batch, ctx: &Ctx, endpoint: &WebhookAttempt) {
        let now = self.now();
        let stale = endpoint
            .last_success_at
            .is_none_or(|last| last.plus(SUCCESS_NOTED_EVERY) <= now);
        if stale || endpoint.failing_since.is_some() {
            batch.add(&SUCCEEDED, args![ctx.environment, endpoint.endpoint_id, now]);
        }
    }

    /// Notes that an attempt failed, when that is news.
    pub fn webhook_failed(&self, batch: &mut Batch, ctx: &Ctx, endpoint: &WebhookAttempt) {
        if endpoint.failing_since.is_none() {
            batch.add(&FAILED, args![ctx.environment, endpoint.endpoint_id, self.now()]);
        }
    }

    /// Disables a webhook endpoint that has failed since `since` or before, with audit row and announcement; nothing
    /// happens when it is not active any more, or was switched on again meanwhile.
    pub fn disable_webhook(&self, batch: &mut Batch, ctx: &Ctx, id: Id, reason: &str, since: Time) {
        let (now, change) = (self.now(), self.new_id());
        let this = || args![ctx.environment, id];
        let mut disable = this();
        disable.extend(args![now, reason, change, since]);
        batch.add(&DISABLE, disable);
        let mut announce = this();
        announce.extend(args![change, campanile_model::changes::WEBHOOK_DISABLED, now]);
        batch.add(&ANNOUNCE_DISABLED, announce);
        let mut audit = this();
        audit.extend(args![
            change,
            ctx.organization,
            self.new_id(),
            ctx.actor.describe(),
            &ctx.request_id,
            now
        ]);
        batch.add(&AUDIT_DISABLED, audit);
    }

    fn seal_webhook(&self, column: &'static str, id: Id, plain: &str) -> Result<String, StoreError> {
        let row = &id.to_string();
        self.secrets.seal(Place { column, row }, plain)
    }

    fn open_webhook(&self, column: &'static str, id: Id, sealed: &str) -> Result<String, StoreError> {
        let row = &id.to_string();
        self.secrets.open(Place { column, row }, sealed)
    }

    /// The secrets that sign at this time, the newest first.
    fn open_secrets(&self, id: Id, sealed: &SealedSecrets) -> Result<Vec<String>, StoreError> {
        let mut secrets = vec![self.open_webhook(SECRET, id, &sealed.secret)?];
        if let Some(old) = &sealed.old
            && sealed.old_until.is_some_and(|until| self.now() < until)
        {
            secrets.push(self.open_webhook(OLD_SECRET, id, old)?);
        }
        Ok(secrets)
    }
}
