//! The real binary, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod commands;
mod crash;
mod fanout;
mod rates;
mod refusals;
mod server;
