//! What other parts of the server are told after a commit: that there is work, that configuration changed.
//!
//! A lost signal costs a second of polling, never a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::batch::Batch;

/// Signals of this node; on PostgreSQL a listener passes them on to the other nodes and takes theirs.
#[derive(Clone, Default)]
pub struct Signals {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    work: Notify,
    /// There are changes to tell webhooks of.
    changes: Notify,
    /// Counts changes of configuration; caches compare it with the count they were filled at.
    configuration: AtomicU64,
    /// Something to tell the other nodes.
    outgoing: Notify,
    outgoing_configuration: AtomicU64,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// There is work on this node.
    pub fn wake_workers(&self) {
        self.inner.work.notify_one();
    }

    /// Waits until there is work.
    pub async fn work(&self) {
        self.inner.work.notified().await;
    }

    /// Waits until there are changes to tell webhooks of.
    pub async fn changes(&self) {
        self.inner.changes.notified().await;
    }

    /// How often configuration has changed.
    pub fn configuration(&self) -> u64 {
        self.inner.configuration.load(Ordering::Acquire)
    }

    /// A batch of this node was committed.
    pub(crate) fn committed(&self, batch: &Batch) {
        let (wakes_workers, changes_configuration) = (batch.wakes_workers, batch.changes_configuration);
        if batch.announces() {
            self.inner.changes.notify_one();
        }
        if changes_configuration {
            self.inner.configuration.fetch_add(1, Ordering::AcqRel);
            self.inner.outgoing_configuration.fetch_add(1, Ordering::AcqRel);
        }
        if wakes_workers {
            self.inner.work.notify_one();
        }
        if wakes_workers || changes_configuration {
            self.inner.outgoing.notify_one();
        }
    }

    /// Another node changed configuration.
    pub(crate) fn configuration_changed_elsewhere(&self) {
        self.inner.configuration.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits until there is something to tell the other nodes; whether configuration changed.
    pub(crate) async fn outgoing(&self) -> bool {
        self.inner.outgoing.notified().await;
        self.inner.outgoing_configuration.swap(0, Ordering::AcqRel) > 0
    }
}
