//! What test messages to connections and to endpoints have in common.

use campanile_engine::{TestMessage, Tested};
use campanile_model::channel::HealthStatus;
use campanile_model::{Error, Id, Result};
use campanile_providers::Outcome;
use campanile_store::Batch;
use campanile_store::grants::Grant;
use serde_json::json;

use crate::call::{Call, Reply};
use crate::shape::rules;
use crate::view;

/// A test message is a sentence or two.
pub(crate) fn text_rule(text: &str) -> Option<String> {
    rules::length(1, 2000)(text)
}

view! {
    /// What became of a test message.
    TestMessageResponse {
        /// `delivered`, `accepted` (the vendor sends it later), `rejected` (it will not work like this), `retry` (it
        /// may work later) or `unknown` (it may have arrived).
        outcome: String = "outcome";
        /// The vendor's id of the message.
        message_id: Option<String> = "messageId";
        /// The vendor's own word for what went wrong.
        code: Option<String> = "code";
        /// What happened, in a sentence.
        message: String = "message";
        /// After how many seconds another try may work.
        retry_after_seconds: Option<i64> = "retryAfterSeconds";
        /// Whether dev mode put it into the outbox instead of sending it.
        outbox: bool = "outbox";
    }
}

/// Refuses before anything is sent when only the customer can mend the grant. A 400: trying again does not.
pub(crate) fn check_alive(grant: &Grant) -> Result<()> {
    if !matches!(grant.status, HealthStatus::Revoked | HealthStatus::NeedsReauth) {
        return Ok(());
    }
    let reason = grant.reason.as_deref().unwrap_or("the vendor refused its tokens");
    let message = format!("The connection must be reconnected first: {reason}");
    let health = json!({ "status": grant.status.wire(), "reason": grant.reason });
    Err(Error::bad_request(message).with("health", health))
}

/// Sends it, and commits what it showed together with the record of the answer.
pub(crate) async fn send(call: &Call, test: &TestMessage<'_>, noun: &str, target: Id) -> Result<Reply> {
    let mut batch = Batch::new();
    let tested = call.app.engine().send_test(&call.ctx, test, &mut batch).await?;
    call.store()
        .audit(&mut batch, &call.ctx, &format!("{noun}.test_message"), target);
    let reply = Reply::data(201, &response(&tested))?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}

fn response(tested: &Tested) -> TestMessageResponse {
    let (outcome, message) = match &tested.outcome {
        Outcome::Delivered { .. } if tested.kept => ("delivered", "Dev mode put the message into the outbox at /dev."),
        Outcome::Delivered { .. } => ("delivered", "The message arrived."),
        Outcome::Accepted { .. } => ("accepted", "The provider accepted the message and will send it."),
        Outcome::Rejected(_) => ("rejected", ""),
        Outcome::RetryAt { .. } => ("retry", ""),
        Outcome::Unknown(_) => ("unknown", ""),
    };
    let retry_after = match &tested.outcome {
        Outcome::RetryAt { after: Some(after), .. } => i64::try_from(after.as_secs()).ok(),
        _ => None,
    };
    let failure = tested.outcome.failure();
    TestMessageResponse {
        outcome: outcome.to_owned(),
        message_id: match &tested.outcome {
            Outcome::Delivered { id, .. } | Outcome::Accepted { id, .. } => id.clone(),
            _ => None,
        },
        code: failure.map(|failure| failure.code.clone()),
        message: failure.map_or_else(|| message.to_owned(), |failure| failure.message.clone()),
        retry_after_seconds: retry_after,
        outbox: tested.kept,
    }
}
