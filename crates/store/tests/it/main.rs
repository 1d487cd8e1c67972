//! Storage on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod channels;
mod erasure;
mod lists;
mod pages;
mod plans;
mod preferences;
mod statements;
mod tasks;
mod translations;
mod webhooks;
mod workflows;
mod writes;
