//! The engine: from an accepted trigger to delivered messages.
//!
//! `accept` commits an event and its task. The worker claims tasks; `plan` makes notifications, jobs, messages and
//! deliveries; `deliver` calls providers. What is decided is decided by pure functions (`recipients`, `steps`,
//! `deliver::decide`); what is done is one batch for each task, which ends the task in the same commit.

mod accept;
pub mod attachments;
mod cancel;
pub mod conditions;
mod deliver;
mod environment;
mod erase;
mod handover;
mod json;
mod metrics;
pub mod offers;
pub mod payload;
mod plan;
pub mod preferences;
pub mod recipients;
mod render;
mod run;
pub mod schedule;
mod steps;
mod task;
mod test_message;
pub mod translations;
mod webhooks;
mod wishes;
mod worker;
mod workflows;

use std::sync::Arc;
use std::time::Duration;

use campanile_connect::Connect;
use campanile_model::{Error, Id};
use campanile_providers::Transport;
use campanile_store::{Store, StoreError};

pub use accept::{Accepted, Trigger, new_transaction_id};
pub use metrics::EngineMetrics;
pub use plan::Rehearsal;
pub use render::{Preview, preview};
pub use test_message::{TestMessage, Tested};
pub use worker::Worker;
pub use workflows::Prepared;

/// How long a message is worth sending unless its workflow says otherwise.
pub const EXPIRY: Duration = Duration::from_hours(24);

/// What the engine is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Dev mode: what is not addressed to this machine stays in the outbox.
    pub outbox: bool,
}

/// The running engine; clones are handles to the same one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    transport: Transport,
    connect: Connect,
    settings: Settings,
    workflows: workflows::Cache,
    environments: environment::Cache,
    offers: offers::Cache,
    integrations: deliver::integrations::Cache,
    /// Workflows whose time of last use was written lately.
    triggered: moka::sync::Cache<Id, ()>,
    metrics: EngineMetrics,
    handover: handover::Handover,
}

impl Engine {
    /// An engine over the store of these connections.
    pub fn new(connect: Connect, settings: Settings, metrics: EngineMetrics) -> Self {
        Self {
            inner: Arc::new(Inner {
                workflows: workflows::Cache::new(),
                environments: environment::Cache::new(),
                offers: offers::Cache::new(),
                integrations: deliver::integrations::Cache::new(),
                triggered: moka::sync::Cache::builder()
                    .max_capacity(10_000)
                    .time_to_live(Duration::from_mins(1))
                    .build(),
                store: connect.store().clone(),
                transport: connect.transport().clone(),
                connect,
                settings,
                metrics,
                handover: handover::Handover::new(),
            }),
        }
    }

    /// The store under the engine.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The connections that the engine sends through.
    pub fn connect(&self) -> &Connect {
        &self.inner.connect
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn metrics(&self) -> &EngineMetrics {
        &self.inner.metrics
    }
}

/// What kept a task from being done now.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The task belongs to somebody else by now; whoever has it does it.
    LeaseLost,
    /// Somebody wrote the same rows; from the beginning.
    Raced,
    /// The database failed; the lease runs out and the task is claimed again.
    Failed(Error),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        if error.is_conflict(campanile_store::tasks::LEASE_LOST) {
            return Self::LeaseLost;
        }
        match error {
            StoreError::Conflict(_) => Self::Raced,
            other => Self::Failed(other.into()),
        }
    }
}
