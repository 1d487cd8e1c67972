//! What a batch would have written, for one that is never committed: the planning of an event is rehearsed with the same
//! code that plans it.

use crate::deliveries::Delivery;
use crate::messages::Message;
use crate::notifications::{Job, Notification};
use crate::traces::Trace;

/// The rows that a rehearsal would have stored.
#[derive(Debug, Default)]
pub struct Rehearsed {
    /// Notifications.
    pub notifications: Vec<Notification>,
    /// Their jobs.
    pub jobs: Vec<Job>,
    /// Messages.
    pub messages: Vec<Message>,
    /// Their deliveries.
    pub deliveries: Vec<Delivery>,
    /// What was decided.
    pub traces: Vec<Trace>,
}
