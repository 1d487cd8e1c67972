//! The short way from an accepted trigger to the worker of the same process.
//!
//! When the load is low, an event's task is stored as claimed by this process already and handed over after the commit:
//! the message is on its way without a turn through the queue. Under load, or without a worker here, tasks are queued as
//! usual. Should the process die in between, the lease ends and the task is claimed like any other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use campanile_store::tasks::Task;
use tokio::sync::mpsc;

/// Tasks on their way; more are queued.
const MOST: usize = 64;

pub(crate) struct Handover {
    sender: mpsc::Sender<Task>,
    receiver: Mutex<Option<mpsc::Receiver<Task>>>,
    open: AtomicBool,
}

impl Handover {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
            open: AtomicBool::new(false),
        }
    }

    /// The worker's end; only the first worker that starts gets it.
    pub(crate) fn receive(&self) -> Option<mpsc::Receiver<Task>> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if receiver.is_some() {
            self.open.store(true, Ordering::Release);
        }
        receiver
    }

    /// A place for one task, if the worker is there and not behind.
    pub(crate) fn place(&self) -> Option<mpsc::Permit<'_, Task>> {
        if self.open.load(Ordering::Acquire) {
            self.sender.try_reserve().ok()
        } else {
            None
        }
    }
}
