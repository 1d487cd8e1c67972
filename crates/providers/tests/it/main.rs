//! Providers against real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod server;
mod transport;
