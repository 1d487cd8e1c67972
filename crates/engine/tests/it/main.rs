//! From an accepted trigger to a call at the provider, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod chat;
mod conditions;
mod content;
mod delivery;
mod fanout;
mod grants;
mod http_request;
mod outbox;
mod planning;
mod preferences;
mod processes;
mod retries;
mod rotation;
mod steps;
mod webhooks;
mod world;
