//! Events: accepted triggers. What is accepted is one commit: the event, its key, its task, and its idempotency record.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of a repeated `transactionId`.
pub const REPEATED: &str = "transactionId";

const OVERRIDES: &str = "events.overrides";

queries! {
    INSERT_KEY = {
        insert "event_keys", "environment_id text, transaction_id text, event_id text",
        "ON CONFLICT (environment_id, transaction_id) DO NOTHING"
    };
    INSERT = {
        insert "events",
        "environment_id text, id text, transaction_id text, workflow_id text, contexts text, recipients text, payload text, overrides text, request_id text, created_at int"
    };
    FIND_MANY = "SELECT id, transaction_id, workflow_id, contexts, recipients, payload, overrides, request_id, created_at
        FROM events WHERE environment_id = $1 AND id {in:$2}";
    BY_TRANSACTION = "SELECT transaction_id, event_id FROM event_keys WHERE environment_id = $1 AND transaction_id {in:$2}";
}

/// One accepted trigger. Payload, overrides and recipients are JSON texts: they are stored once and read as they are.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: Id,
    /// The name by which callers know it.
    pub transaction_id: String,
    /// The workflow.
    pub workflow_id: Id,
    /// What it is about.
    pub contexts: ContextSet,
    /// To whom, as the engine reads it.
    pub recipients: String,
    /// The payload.
    pub payload: String,
    /// The overrides.
    pub overrides: String,
    /// The request that made it.
    pub request_id: String,
    /// When it was accepted.
    pub created_at: Time,
}

impl FromRow for Event {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            transaction_id: c.text()?,
            workflow_id: c.id()?,
            contexts: ContextSet::from_stored(&c.text()?),
            recipients: c.text()?,
            payload: c.text()?,
            overrides: c.text()?,
            request_id: c.text()?,
            created_at: c.time()?,
        })
    }
}

struct EventKey(String, Id);

impl FromRow for EventKey {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.text()?, c.id()?))
    }
}

impl Store {
    /// Adds an event and its key; the commit fails with [`REPEATED`] when the key was used before.
    pub fn insert_event(&self, batch: &mut Batch, ctx: &Ctx, event: &Event) -> Result<(), StoreError> {
        self.insert_events(batch, ctx, std::slice::from_ref(event))
    }

    /// Adds events and their keys; the commit fails with [`REPEATED`] when any of the keys was used before.
    pub fn insert_events(&self, batch: &mut Batch, ctx: &Ctx, events: &[Event]) -> Result<(), StoreError> {
        // Rows of one statement follow one another, and travel together.
        for event in events {
            batch.expect(
                &INSERT_KEY,
                args![ctx.environment, &event.transaction_id, event.id],
                REPEATED,
            );
        }
        for event in events {
            let overrides = self.seal_overrides(OVERRIDES, event.id, &event.overrides)?;
            batch.add(
                &INSERT,
                args![
                    ctx.environment,
                    event.id,
                    &event.transaction_id,
                    event.workflow_id,
                    event.contexts.stored(),
                    &event.recipients,
                    &event.payload,
                    overrides,
                    &event.request_id,
                    event.created_at
                ],
            );
        }
        Ok(())
    }

    /// Overrides may hold what callers keep secret (webhook addresses, signing keys): all but empty ones are sealed.
    pub(crate) fn seal_overrides(&self, column: &'static str, row: Id, text: &str) -> Result<String, StoreError> {
        if text == "{}" {
            return Ok(String::new());
        }
        self.secrets.seal(
            Place {
                column,
                row: &row.to_string(),
            },
            text,
        )
    }

    /// Opens what [`Store::seal_overrides`] sealed.
    pub(crate) fn open_overrides(&self, column: &'static str, row: Id, stored: &str) -> Result<String, StoreError> {
        if stored.is_empty() {
            return Ok("{}".to_owned());
        }
        self.secrets.open(
            Place {
                column,
                row: &row.to_string(),
            },
            stored,
        )
    }

    /// The events with these ids, in no order.
    pub async fn events(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<Event>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut events = self.db.all::<Event>(&FIND_MANY, args![ctx.environment, ids]).await?;
        for event in &mut events {
            event.overrides = self.open_overrides(OVERRIDES, event.id, &event.overrides)?;
        }
        Ok(events)
    }

    /// The ids of the events with these transaction ids.
    pub async fn events_of_transactions(&self, ctx: &Ctx, ids: Vec<String>) -> Result<Vec<(String, Id)>, StoreError> {
        let keys = self
            .db
            .all::<EventKey>(&BY_TRANSACTION, args![ctx.environment, ids])
            .await?;
        Ok(keys
            .into_iter()
            .map(|EventKey(transaction, event)| (transaction, event))
            .collect())
    }
}
