//! From an accepted trigger to a call at the provider, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod cancel;
mod chat;
mod conditions;
mod content;
mod delivery;
mod digests;
mod fanout;
mod grants;
mod http_request;
mod interleavings;
mod outbox;
mod planning;
mod preferences;
mod processes;
mod retries;
mod rotation;
mod steps;
mod waits;
mod webhooks;
mod world;
