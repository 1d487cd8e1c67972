//! PostgreSQL: a few pipelined connections for reads, two for writes, one that listens, one that keeps statistics.

mod listener;
mod pool;
mod statistics;
mod writer;

pub(super) use listener::spawn_listener;
pub(super) use pool::{Pool, connect};
pub(super) use statistics::keep_statistics;
pub(super) use writer::spawn_writers;
