//! Accepting a trigger: the event, its key, its contexts, its task and its idempotency record are one commit. When the
//! caller has the answer, the event survives a crash of any process.

use std::sync::Arc;

use campanile_model::context::{ContextSet, NamedContext};
use campanile_model::{Ctx, Id};
use campanile_store::attachments::Attachment;
use campanile_store::events::{Event, REPEATED};
use campanile_store::idempotency::Key;
use campanile_store::tasks::NewTask;
use campanile_store::{Batch, StoreError};
use serde_json::Value;

use crate::recipients::Recipients;
use crate::task::{PLAN, PLAN_STREAM, Plan, payload};
use crate::worker::CROWDED;
use crate::workflows::Prepared;
use crate::{Engine, attachments};

/// A trigger that was found to be in order.
pub struct Trigger {
    /// What happens.
    pub workflow: Arc<Prepared>,
    /// To whom.
    pub recipients: Recipients,
    /// With what.
    pub payload: Value,
    /// How it differs.
    pub overrides: Value,
    /// What it is about.
    pub contexts: Vec<NamedContext>,
    /// The caller's name for it.
    pub transaction_id: Option<String>,
}

/// An event that is stored, now or before.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The name by which it is known.
    pub transaction_id: String,
    /// Whether it was stored now; if not, nothing was written.
    pub is_new: bool,
}

impl Engine {
    /// Stores the event. A `transactionId` that was used before makes no second event and is no error.
    pub async fn accept(&self, ctx: &Ctx, trigger: Trigger, key: Option<&Key>) -> Result<Accepted, StoreError> {
        let store = self.store();
        let (event, files) = self.event(ctx, &trigger);
        let transaction_id = event.transaction_id.clone();
        let mut batch = Batch::new();
        if let Some(key) = key {
            store.record_event(&mut batch, ctx, key, event.id);
        }
        store.insert_event(&mut batch, ctx, &event)?;
        store.insert_attachments(&mut batch, ctx, event.id, &files);
        if !trigger.contexts.is_empty() {
            store.find_or_create_contexts(&mut batch, ctx, &trigger.contexts);
        }
        let task = plan_task(store.new_id(), &event, &trigger.recipients);
        let crowded = store.db().waiting_callers() >= CROWDED;
        let place = if crowded { None } else { self.inner.handover.place() };
        let handed_over = if let Some(place) = place {
            Some((place, store.enqueue_claimed(&mut batch, ctx, task)))
        } else {
            store.enqueue(&mut batch, ctx, task);
            None
        };
        match store.commit(batch).await {
            Ok(_) => {
                if let Some((place, task)) = handed_over {
                    place.send(task);
                }
                self.metrics().accepted(1);
                Ok(Accepted {
                    transaction_id,
                    is_new: true,
                })
            }
            Err(error) if error.is_conflict(REPEATED) => Ok(Accepted {
                transaction_id,
                is_new: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// Adds events that are accepted together, with their tasks. The commit fails with [`REPEATED`] when any of them has
    /// a `transactionId` that was used before.
    pub fn add_events(&self, batch: &mut Batch, ctx: &Ctx, triggers: &[Trigger]) -> Result<(), StoreError> {
        let store = self.store();
        let (events, files): (Vec<Event>, Vec<_>) = triggers.iter().map(|trigger| self.event(ctx, trigger)).unzip();
        store.insert_events(batch, ctx, &events)?;
        for (event, files) in events.iter().zip(&files) {
            store.insert_attachments(batch, ctx, event.id, files);
        }
        for trigger in triggers.iter().filter(|trigger| !trigger.contexts.is_empty()) {
            store.find_or_create_contexts(batch, ctx, &trigger.contexts);
        }
        for (event, trigger) in events.iter().zip(triggers) {
            store.enqueue(batch, ctx, plan_task(store.new_id(), event, &trigger.recipients));
        }
        Ok(())
    }

    /// Counts events that were added to a batch, once it is committed.
    pub fn count_accepted(&self, events: usize) {
        self.metrics().accepted(u64::try_from(events).unwrap_or(u64::MAX));
    }

    /// The event of a trigger, and the files that it brings along.
    pub(crate) fn event(&self, ctx: &Ctx, trigger: &Trigger) -> (Event, Vec<Attachment>) {
        let store = self.store();
        let id = store.new_id();
        let transaction_id = trigger.transaction_id.clone();
        let taken = attachments::take(&trigger.payload, &trigger.overrides, &|| store.new_id());
        let event = Event {
            id,
            transaction_id: transaction_id.unwrap_or_else(|| new_transaction_id(id)),
            workflow_id: trigger.workflow.workflow.id,
            contexts: ContextSet::of(&trigger.contexts),
            recipients: serde_json::to_string(&trigger.recipients).unwrap_or_default(),
            payload: taken.payload.to_string(),
            overrides: taken.overrides.to_string(),
            request_id: ctx.request_id.clone(),
            created_at: store.now(),
        };
        (event, taken.files)
    }
}

/// The name of an event to which the caller gave none.
pub fn new_transaction_id(id: Id) -> String {
    format!("txn_{id}")
}

fn plan_task(id: Id, event: &Event, recipients: &Recipients) -> NewTask {
    NewTask {
        lane: "plan".to_owned(),
        kind: if recipients.is_stream() { PLAN_STREAM } else { PLAN },
        payload: payload(&Plan::begin(event.id)),
        run_at: event.created_at,
        id,
    }
}
