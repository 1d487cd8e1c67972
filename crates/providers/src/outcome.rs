//! What one call to a provider came to (design, section 5.3), and who is at fault when it failed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{redact, transport::Request};

/// Failure details are kept in the activity feed, so they are cut at this many bytes of JSON.
const MAX_DETAILS: usize = 4 * 1024;

/// The five ways in which a call to a provider ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The provider has delivered it.
    Delivered { id: Option<String>, details: Value },
    /// The provider took it and will deliver later; its status comes by another way.
    Accepted { id: Option<String>, details: Value },
    /// It will never work as it is: nothing was sent, and trying again is pointless.
    Rejected(Failure),
    /// Nothing was sent; another attempt may work, not before `after` when the provider named a time.
    RetryAt { after: Option<Duration>, failure: Failure },
    /// It may have been sent: whether to try again is a matter of policy.
    Unknown(Failure),
}

impl Outcome {
    /// What went wrong, when something did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Delivered { .. } | Self::Accepted { .. } => None,
            Self::Rejected(failure) | Self::RetryAt { failure, .. } | Self::Unknown(failure) => Some(failure),
        }
    }

    /// The same outcome without anything secret that `request` carried: some vendors repeat a token or an address in
    /// their answer. Call it before an outcome is stored or shown.
    #[must_use]
    pub fn scrubbed(self, request: &Request) -> Self {
        let clean = |failure: Failure| Failure {
            message: request.scrub(&failure.message),
            details: Box::new(request.scrub_json(&failure.details)),
            ..failure
        };
        match self {
            Self::Delivered { id, details } => Self::Delivered {
                id,
                details: request.scrub_json(&details),
            },
            Self::Accepted { id, details } => Self::Accepted {
                id,
                details: request.scrub_json(&details),
            },
            Self::Rejected(failure) => Self::Rejected(clean(failure)),
            Self::RetryAt { after, failure } => Self::RetryAt {
                after,
                failure: clean(failure),
            },
            Self::Unknown(failure) => Self::Unknown(clean(failure)),
        }
    }
}

/// Why a call failed. `message` is a sentence for the person who reads the activity feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What is at fault.
    pub level: Level,
    /// The provider's own code where it has one, else ours.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The provider's answer, bounded and without secrets. Boxed to keep errors small.
    pub details: Box<Value>,
    /// What the health of the grant or endpoint becomes, where the provider tells. Absent: leave it as it is.
    pub health: Option<Health>,
}

impl Failure {
    /// A failure that knows nothing beyond its sentence.
    pub fn new(level: Level, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            code: code.into(),
            message: message.into(),
            status: None,
            details: Box::default(),
            health: None,
        }
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds what the provider said, made safe to store.
    #[must_use]
    pub fn details(mut self, details: &Value) -> Self {
        *self.details = bounded(redact::json(details));
        self
    }

    /// Adds what becomes of the grant or endpoint.
    #[must_use]
    pub fn health(mut self, health: impl Into<Option<Health>>) -> Self {
        self.health = health.into();
        self
    }
}

/// What is at fault. Every provider error maps to exactly one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Our user's account at the provider: credentials, plan, settings of the integration.
    Integration,
    /// The customer's consent: tokens and scopes.
    Grant,
    /// One channel, user or webhook.
    Endpoint,
    /// The content.
    Message,
    /// The way there or the moment: rate limits, outages, lost connections.
    Network,
}

impl Level {
    /// The word for traces and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Grant => "grant",
            Self::Endpoint => "endpoint",
            Self::Message => "message",
            Self::Network => "network",
        }
    }
}

/// The state into which an answer puts the grant or the endpoint (design, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Only a new consent mends the grant.
    NeedsReauth,
    /// The customer took the grant back.
    Revoked,
    /// It works in part: a scope is missing (named when the vendor names it), or calls fail for now.
    Degraded { missing_scope: Option<String> },
    /// This endpoint cannot be reached any more.
    Broken,
}

/// `value`, or the beginning of its text when it is too long to keep.
pub(crate) fn bounded(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= MAX_DETAILS {
        return value;
    }
    json!({ "truncated": true, "text": head(&text, MAX_DETAILS / 2) })
}

/// At most `limit` bytes of `text`, cut between characters.
pub(crate) fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_details_are_cut_between_characters() {
        let failure = Failure::new(Level::Message, "x", "y").details(&json!({ "a": "ä".repeat(10_000) }));
        assert_eq!(failure.details["truncated"], json!(true));
        assert!(failure.details.to_string().len() < MAX_DETAILS);
    }

    #[test]
    fn details_lose_their_secrets() {
        let details = json!({ "echo": "token xoxb-1-canary was bad", "access_token": "canary" });
        let failure = Failure::new(Level::Grant, "x", "y").details(&details);
        assert!(!failure.details.to_string().contains("canary"), "{}", failure.details);
    }
}
