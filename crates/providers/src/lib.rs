//! Providers: who can deliver a notification, how a call to them is built, and what their answers mean.
//!
//! Building a [`transport::Request`] and interpreting a [`transport::Response`] are pure functions, so that dev mode
//! can show the request instead of sending it. [`transport::Transport`] is the only way out of the process over HTTP.

pub mod catalogue;
pub mod chat;
pub mod consent;
pub mod directory;
pub mod http_request;
pub mod outcome;
mod redact;
pub mod retry_after;
pub mod transport;
pub mod vendors;
pub mod webhook;

pub use outcome::{Failure, Health, Level, Outcome};
pub use transport::{Request, Response, Transport, TransportConfig, TransportError, Trust};

/// A trigger's overrides as the activity feed shows them: what looks like a secret is masked.
pub fn mask_overrides(overrides: &serde_json::Value) -> serde_json::Value {
    redact::json(overrides)
}
