//! Deliveries of webhooks: one change on its way to one webhook endpoint, and the log of its attempts.

use campanile_model::channel::DeliveryState;
use campanile_model::{Ctx, Id, Time};

use super::{SealedSecrets, URL};
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::page::{Cursor, List, Listed, Page};
use crate::{Store, args, queries};

/// More attempts of one delivery are not shown: the newest are.
const SHOWN_ATTEMPTS: u32 = 200;

queries! {
    INSERT = {
        insert "webhook_deliveries",
        "environment_id text, id text, endpoint_id text, change_id text, kind text, state text, attempts int, expires_at int, created_at int, updated_at int",
        "ON CONFLICT (environment_id, change_id, endpoint_id) DO NOTHING"
    };
    FIND = "SELECT t.id, t.change_id, t.kind, t.state, t.attempts, t.last_status, t.last_error, t.next_attempt_at,
            t.expires_at, t.created_at, t.finished_at, c.body
        FROM webhook_deliveries t {join_one:changes c ON c.environment_id = t.environment_id AND c.id = t.change_id}
        WHERE t.environment_id = $1 AND t.endpoint_id = $2 AND t.id = $3";
    /// Everything that an attempt needs, in one read: the endpoint as it is now.
    FOR_ATTEMPT = "SELECT d.id, d.endpoint_id, d.change_id, d.kind, d.state, d.attempts, d.expires_at, c.body,
            w.active, w.failing_since, w.last_success_at, w.url, w.secret, w.old_secret, w.old_secret_until
        FROM webhook_deliveries d
        {join_one:changes c ON c.environment_id = d.environment_id AND c.id = d.change_id}
        {join_one:webhook_endpoints w ON w.environment_id = d.environment_id AND w.id = d.endpoint_id}
        WHERE d.environment_id = $1 AND d.id = $2";
    UPDATE = "UPDATE webhook_deliveries SET state = $3, attempts = $4, last_status = $5, last_error = $6,
        next_attempt_at = $7, updated_at = $8, finished_at = $9 WHERE environment_id = $1 AND id = $2";
    INSERT_ATTEMPT = {
        insert "webhook_attempts",
        "environment_id text, delivery_id text, id text, status int, duration int, error text, response text, repeated bool, created_at int"
    };
    ATTEMPTS = "SELECT id, status, duration, error, response, repeated, created_at FROM webhook_attempts
        WHERE environment_id = $1 AND delivery_id = $2 ORDER BY id DESC LIMIT $3";
    REDRIVE = "UPDATE webhook_deliveries SET state = 'pending', next_attempt_at = NULL, finished_at = NULL,
        expires_at = $3, updated_at = $4 WHERE environment_id = $1 AND id = $2
        AND state IN ('delivered', 'accepted', 'rejected', 'expired')";
    FAILED = "SELECT id FROM webhook_deliveries WHERE environment_id = $1 AND endpoint_id = $2
        AND state IN ('rejected', 'expired') AND created_at >= $3 AND created_at < $4 AND ($5 = '' OR kind = $5)
        ORDER BY id LIMIT $6";
}

const COLUMNS: &str = "t.id, t.change_id, t.kind, t.state, t.attempts, t.last_status, t.last_error, t.next_attempt_at,
    t.expires_at, t.created_at, t.finished_at, NULL";

/// A delivery to be stored.
#[derive(Clone, Debug)]
pub struct NewWebhookDelivery {
    /// Its id.
    pub id: Id,
    /// To whom.
    pub endpoint_id: Id,
    /// Of what; the webhook-id.
    pub change_id: Id,
    /// Its kind.
    pub kind: String,
    /// Until when it is worth trying.
    pub expires_at: Time,
}

/// A delivery as its log shows it.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: Id,
    /// The webhook-id.
    pub change_id: Id,
    /// The kind of the change.
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts that have ended.
    pub attempts: i64,
    /// The status of the last answer.
    pub last_status: Option<i64>,
    /// What was wrong with it.
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Time>,
    /// Until when it is tried.
    pub expires_at: Time,
    /// When it was made.
    pub created_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
    body: Option<String>,
}

impl FromRow for WebhookDelivery {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            change_id: c.id()?,
            kind: c.text()?,
            state: c.wire(DeliveryState::parse)?,
            attempts: c.int()?,
            last_status: c.opt_int()?,
            last_error: c.opt_text()?,
            next_attempt_at: c.opt_time()?,
            expires_at: c.time()?,
            created_at: c.time()?,
            finished_at: c.opt_time()?,
            body: c.opt_text()?,
        })
    }
}

impl Listed for WebhookDelivery {
    fn id(&self) -> Id {
        self.id
    }
}

/// One call to the receiver, as it is logged.
#[derive(Clone, Debug)]
pub struct WebhookCall {
    /// Its id.
    pub id: Id,
    /// The status of the answer, when there was one.
    pub status: Option<i64>,
    /// How long it took, in milliseconds.
    pub duration: i64,
    /// What was wrong, in a sentence.
    pub error: Option<String>,
    /// The beginning of the answer, without secrets.
    pub response: Option<String>,
    /// Whether a call before it was interrupted, so that the receiver may have got this twice.
    pub repeated: bool,
    /// When it ended.
    pub created_at: Time,
}

impl FromRow for WebhookCall {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            status: c.opt_int()?,
            duration: c.int()?,
            error: c.opt_text()?,
            response: c.opt_text()?,
            repeated: c.bool()?,
            created_at: c.time()?,
        })
    }
}

/// A delivery with all that an attempt needs.
#[derive(Clone, Debug)]
pub struct WebhookAttempt {
    /// The delivery.
    pub id: Id,
    /// The endpoint.
    pub endpoint_id: Id,
    /// The webhook-id.
    pub change_id: Id,
    /// The kind of the change.
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts that have ended.
    pub attempts: i64,
    /// Until when it is worth trying.
    pub expires_at: Time,
    body: String,
    /// Whether the endpoint is told of anything.
    pub active: bool,
    /// Since when the endpoint fails.
    pub failing_since: Option<Time>,
    /// When an attempt last worked.
    pub last_success_at: Option<Time>,
    url: String,
    sealed: SealedSecrets,
}

impl FromRow for WebhookAttempt {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            endpoint_id: c.id()?,
            change_id: c.id()?,
            kind: c.text()?,
            state: c.wire(DeliveryState::parse)?,
            attempts: c.int()?,
            expires_at: c.time()?,
            body: c.text()?,
            active: c.bool()?,
            failing_since: c.opt_time()?,
            last_success_at: c.opt_time()?,
            url: c.text()?,
            sealed: SealedSecrets::from_row(c)?,
        })
    }
}

/// What an attempt left of a delivery.
#[derive(Clone, Debug)]
pub struct WebhookAttempted {
    /// How it stands now.
    pub state: DeliveryState,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Time>,
    /// What was wrong, in a sentence.
    pub error: Option<String>,
    /// The call, when there was one.
    pub call: Option<WebhookCall>,
}

/// What a list of deliveries is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// In one of these states; any when empty.
    pub states: Vec<DeliveryState>,
    /// Of this kind.
    pub kind: Option<String>,
}

/// Which failed deliveries are made again.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// Made at this time or later.
    pub since: Time,
    /// Made before this time.
    pub until: Time,
    /// Of this kind.
    pub kind: Option<String>,
    /// At most so many, the oldest.
    pub most: usize,
}

struct Single(Id);

impl FromRow for Single {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

impl Store {
    /// Adds a delivery; a change goes to an endpoint once.
    pub fn insert_webhook_delivery(&self, batch: &mut Batch, ctx: &Ctx, delivery: &NewWebhookDelivery) {
        let now = self.now();
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                delivery.id,
                delivery.endpoint_id,
                delivery.change_id,
                &delivery.kind,
                DeliveryState::Pending.wire(),
                0i64,
                delivery.expires_at,
                now,
                now
            ],
        );
    }

    /// A page of an endpoint's deliveries.
    pub async fn list_webhook_deliveries(
        &self,
        ctx: &Ctx,
        endpoint: Id,
        filter: &DeliveryFilter,
        cursor: &Cursor,
    ) -> Result<Page<WebhookDelivery>, StoreError> {
        let mut list = List::new(ctx, COLUMNS, "webhook_deliveries");
        list.filter("t.endpoint_id = {}", endpoint);
        if !filter.states.is_empty() {
            let states: Vec<&str> = filter.states.iter().map(|state| state.wire()).collect();
            list.any_of("t.state", states);
        }
        if let Some(kind) = &filter.kind {
            list.filter("t.kind = {}", kind);
        }
        list.page(&self.db, cursor).await
    }

    /// One delivery of an endpoint.
    pub async fn webhook_delivery(
        &self,
        ctx: &Ctx,
        endpoint: Id,
        id: Id,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, endpoint, id]).await
    }

    /// The calls of a delivery, newest first.
    pub async fn webhook_calls(&self, ctx: &Ctx, delivery: Id) -> Result<Vec<WebhookCall>, StoreError> {
        self.db
            .all(&ATTEMPTS, args![ctx.environment, delivery, SHOWN_ATTEMPTS])
            .await
    }

    /// A delivery with all that its attempt needs; nothing when its endpoint is gone.
    pub async fn webhook_attempt(&self, ctx: &Ctx, id: Id) -> Result<Option<WebhookAttempt>, StoreError> {
        self.db.first(&FOR_ATTEMPT, args![ctx.environment, id]).await
    }

    /// What goes out with an attempt.
    pub fn webhook_attempt_body(&self, attempt: &WebhookAttempt) -> Result<String, StoreError> {
        self.open_body(attempt.change_id, &attempt.body)
    }

    /// What goes out with a delivery; nothing for one from a list.
    pub fn webhook_delivery_body(&self, delivery: &WebhookDelivery) -> Result<Option<String>, StoreError> {
        let sealed = delivery.body.as_deref();
        sealed
            .map(|sealed| self.open_body(delivery.change_id, sealed))
            .transpose()
    }

    /// Where an attempt goes.
    pub fn webhook_attempt_url(&self, attempt: &WebhookAttempt) -> Result<String, StoreError> {
        self.open_webhook(URL, attempt.endpoint_id, &attempt.url)
    }

    /// What signs an attempt now, the newest first.
    pub fn webhook_attempt_secrets(&self, attempt: &WebhookAttempt) -> Result<Vec<String>, StoreError> {
        self.open_secrets(attempt.endpoint_id, &attempt.sealed)
    }

    /// Adds what an attempt left of a delivery, and its line of the log.
    pub fn update_webhook_delivery(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        attempt: &WebhookAttempt,
        after: &WebhookAttempted,
    ) {
        let now = self.now();
        batch.add(
            &UPDATE,
            args![
                ctx.environment,
                attempt.id,
                after.state.wire(),
                attempt.attempts + i64::from(after.call.is_some()),
                after.call.as_ref().and_then(|call| call.status),
                after.error.clone(),
                after.next_attempt_at,
                now,
                after.state.is_final().then_some(now)
            ],
        );
        if let Some(call) = &after.call {
            batch.add(
                &INSERT_ATTEMPT,
                args![
                    ctx.environment,
                    attempt.id,
                    call.id,
                    call.status,
                    call.duration,
                    call.error.clone(),
                    call.response.clone(),
                    call.repeated,
                    call.created_at
                ],
            );
        }
    }

    /// The failed deliveries of an endpoint that are made again.
    pub async fn failed_webhook_deliveries(
        &self,
        ctx: &Ctx,
        endpoint: Id,
        which: &Redrive,
    ) -> Result<Vec<Id>, StoreError> {
        let row = args![
            ctx.environment,
            endpoint,
            which.since,
            which.until,
            which.kind.clone().unwrap_or_default(),
            which.most
        ];
        let rows = self.db.all::<Single>(&FAILED, row).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Adds the new beginning of deliveries that have ended; those under way are left as they are.
    pub fn reopen_webhook_deliveries(&self, batch: &mut Batch, ctx: &Ctx, ids: &[Id], expires_at: Time) {
        for id in ids {
            batch.add(&REDRIVE, args![ctx.environment, id, expires_at, self.now()]);
        }
    }

    /// The log's line of a call that ends now.
    pub fn webhook_call(&self, duration: std::time::Duration, repeated: bool) -> WebhookCall {
        WebhookCall {
            id: self.new_id(),
            status: None,
            duration: i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            error: None,
            response: None,
            repeated,
            created_at: self.now(),
        }
    }
}
