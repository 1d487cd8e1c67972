//! Traces: each decision is a row, in the batch of what was decided.

use campanile_model::channel::{TraceSource, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, Time};
use serde_json::Value;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    INSERT = {
        insert "traces",
        "environment_id text, notification_id text, id text, position int, detail text, status text, source text, provider_id text, raw text, is_retry bool, request_id text, created_at int"
    };
    OF_NOTIFICATIONS = "SELECT notification_id, id, position, detail, status, source, provider_id, raw, is_retry, request_id, created_at
        FROM traces WHERE environment_id = $1 AND notification_id {in:$2} ORDER BY notification_id, id";
    /// A trace that tells of a job once all its deliveries have ended without success.
    INSERT_IF_JOB_FAILED = "INSERT INTO traces
        (environment_id, notification_id, id, position, detail, status, source, provider_id, raw, is_retry, request_id, created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8, $9, $10 FROM jobs
        WHERE environment_id = $1 AND notification_id = $2 AND position = $4 AND status = 'failed'";
}

/// A trace to be stored.
#[derive(Clone, Debug)]
pub struct NewTrace {
    /// What it tells.
    pub detail: Detail,
    /// How it is coloured.
    pub status: TraceStatus,
    /// Where it comes from.
    pub source: TraceSource,
    /// Whose provider it is about.
    pub provider_id: Option<String>,
    /// Facts, without secrets.
    pub raw: Option<Value>,
    /// Whether it tells of another attempt.
    pub is_retry: bool,
}

impl NewTrace {
    /// A trace of the engine itself.
    pub fn new(detail: Detail, status: TraceStatus) -> Self {
        Self {
            detail,
            status,
            source: TraceSource::Internal,
            provider_id: None,
            raw: None,
            is_retry: false,
        }
    }

    /// With facts.
    #[must_use]
    pub fn raw(mut self, raw: Value) -> Self {
        self.raw = Some(raw);
        self
    }

    /// About a provider.
    #[must_use]
    pub fn provider(mut self, provider_id: &str) -> Self {
        self.provider_id = Some(provider_id.to_owned());
        self
    }

    /// About another attempt.
    #[must_use]
    pub fn retry(mut self, is_retry: bool) -> Self {
        self.is_retry = is_retry;
        self
    }
}

/// A stored trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The notification that it is part of.
    pub notification_id: Id,
    /// Its id.
    pub id: Id,
    /// The job that it explains.
    pub position: i64,
    /// A code of the text catalogue.
    pub detail: String,
    /// How it is coloured.
    pub status: TraceStatus,
    /// Where it comes from.
    pub source: TraceSource,
    /// Whose provider it is about.
    pub provider_id: Option<String>,
    /// Facts as JSON text.
    pub raw: Option<String>,
    /// Whether it tells of another attempt.
    pub is_retry: bool,
    /// The request that caused it.
    pub request_id: String,
    /// When it was written.
    pub created_at: Time,
}

impl FromRow for Trace {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            notification_id: c.id()?,
            id: c.id()?,
            position: c.int()?,
            detail: c.text()?,
            status: c.wire(TraceStatus::parse)?,
            source: c.wire(TraceSource::parse)?,
            provider_id: c.opt_text()?,
            raw: c.opt_text()?,
            is_retry: c.bool()?,
            request_id: c.text()?,
            created_at: c.time()?,
        })
    }
}

impl Store {
    /// Adds a trace of a job.
    pub fn trace(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, trace: NewTrace) {
        let id = self.new_id();
        if let Some(rehearsed) = &mut batch.rehearsed {
            rehearsed.traces.push(Trace {
                notification_id: notification,
                id,
                position,
                detail: trace.detail.code().to_owned(),
                status: trace.status,
                source: trace.source,
                provider_id: trace.provider_id,
                raw: trace.raw.map(|raw| raw.to_string()),
                is_retry: trace.is_retry,
                request_id: ctx.request_id.clone(),
                created_at: self.now(),
            });
            return;
        }
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                notification,
                id,
                position,
                trace.detail.code(),
                trace.status.wire(),
                trace.source.wire(),
                trace.provider_id,
                trace.raw,
                trace.is_retry,
                &ctx.request_id,
                self.now()
            ],
        );
    }

    /// Adds a trace that is written only if all deliveries of the job have ended without success.
    pub fn trace_if_job_failed(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, detail: Detail) {
        batch.add(
            &INSERT_IF_JOB_FAILED,
            args![
                ctx.environment,
                notification,
                self.new_id(),
                position,
                detail.code(),
                TraceStatus::Failed.wire(),
                TraceSource::Internal.wire(),
                false,
                &ctx.request_id,
                self.now()
            ],
        );
    }

    /// The traces of these notifications, oldest first.
    pub async fn traces_of(&self, ctx: &Ctx, notifications: Vec<Id>) -> Result<Vec<Trace>, StoreError> {
        if notifications.is_empty() {
            return Ok(Vec::new());
        }
        self.db
            .all(&OF_NOTIFICATIONS, args![ctx.environment, notifications])
            .await
    }
}
