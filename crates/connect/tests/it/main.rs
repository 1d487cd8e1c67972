//! Connections over a real store, with real HTTP to fakes.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod app_tokens;
mod destinations;
mod health;
mod oauth;
mod rotation;
