//! PostgreSQL: a few pipelined connections for reads, two for writes, one that listens.

mod listener;
mod pool;
mod writer;

pub(super) use listener::spawn_listener;
pub(super) use pool::{Pool, connect};
pub(super) use writer::spawn_writers;
