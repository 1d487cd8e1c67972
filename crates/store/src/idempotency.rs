//! Answers to requests that carried an `Idempotency-Key`, committed together with the change that they answer.

use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of two requests with one key at the same time.
pub const CONFLICT: &str = "idempotency";
/// How long an answer is kept.
pub const KEPT: std::time::Duration = std::time::Duration::from_hours(24);

queries! {
    FIND = "SELECT fingerprint, event_id, status, answer, created_at
        FROM idempotency WHERE environment_id = $1 AND idempotency_key = $2";
    INSERT = {
        insert "idempotency",
        "environment_id text, idempotency_key text, fingerprint text, event_id text, status int, answer text, created_at int",
        "ON CONFLICT (environment_id, idempotency_key) DO NOTHING"
    };
    FORGET = "DELETE FROM idempotency WHERE environment_id = $1 AND idempotency_key = $2 AND created_at <= $3";
    SWEEP = "DELETE FROM idempotency WHERE created_at <= $1 AND (environment_id, idempotency_key) IN
        (SELECT environment_id, idempotency_key FROM idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT 1000)";
}

/// What a request with a key was answered.
#[derive(Clone, Debug)]
pub struct Record {
    /// Hash of method, path and body.
    pub fingerprint: String,
    /// For an accepted trigger: its event, from which the answer is made again.
    pub event_id: Option<Id>,
    /// HTTP status.
    pub status: u16,
    /// The body, sealed.
    answer: Option<String>,
    created_at: Time,
}

impl FromRow for Record {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            fingerprint: c.text()?,
            event_id: c.opt_id()?,
            status: u16::try_from(c.int()?).unwrap_or(500),
            answer: c.opt_text()?,
            created_at: c.time()?,
        })
    }
}

/// A key with what it was sent for.
#[derive(Clone, Debug)]
pub struct Key {
    /// The header's value.
    pub key: String,
    /// Hash of method, path and body.
    pub fingerprint: String,
}

const COLUMN: &str = "idempotency.answer";

impl Store {
    /// What this key was answered, if that is not too long ago.
    pub async fn idempotent_answer(&self, ctx: &Ctx, key: &str) -> Result<Option<Record>, StoreError> {
        let record = self.db.first::<Record>(&FIND, args![ctx.environment, key]).await?;
        Ok(record.filter(|record| record.created_at.plus(KEPT) > self.now()))
    }

    /// The stored body of an answer.
    pub fn open_answer(&self, key: &str, record: &Record) -> Result<Option<String>, StoreError> {
        record
            .answer
            .as_ref()
            .map(|sealed| {
                self.secrets.open(
                    Place {
                        column: COLUMN,
                        row: key,
                    },
                    sealed,
                )
            })
            .transpose()
    }

    /// Records an answer in the batch of the change that it answers; the commit fails with [`CONFLICT`] when the key
    /// was used before.
    pub fn record_answer(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        key: &Key,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let sealed = self.secrets.seal(
            Place {
                column: COLUMN,
                row: &key.key,
            },
            body,
        )?;
        self.insert_answer(batch, ctx, key, None, status, Some(sealed));
        Ok(())
    }

    /// Records that a key made this event; its answer is made again from the event.
    pub fn record_event(&self, batch: &mut Batch, ctx: &Ctx, key: &Key, event: Id) {
        self.insert_answer(batch, ctx, key, Some(event), 201, None);
    }

    fn insert_answer(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        key: &Key,
        event: Option<Id>,
        status: u16,
        sealed: Option<String>,
    ) {
        batch.expect(
            &INSERT,
            args![
                ctx.environment,
                &key.key,
                &key.fingerprint,
                event,
                i64::from(status),
                sealed,
                self.now()
            ],
            CONFLICT,
        );
    }

    /// Frees a key whose answer is older than it is kept.
    pub async fn forget_old_answer(&self, ctx: &Ctx, key: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.add(&FORGET, args![ctx.environment, key, self.now().minus(KEPT)]);
        self.db.commit(batch).await.map(|_| ())
    }

    /// Removes some answers that are too old.
    pub async fn sweep_idempotency(&self) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&SWEEP, args![self.now().minus(KEPT)]);
        self.db.commit(batch).await.map(|_| ())
    }
}
