//! A delivery in answers.

use campanile_model::channel::DeliveryState;
use campanile_model::{Id, Time};
use campanile_store::webhooks::{WebhookCall, WebhookDelivery};
use serde_json::Value;

use crate::shape::{Nullable, Schemas, View};
use crate::{choices, view};

choices! {
    /// How a delivery stands.
    Status { Pending = "pending", Waiting = "waiting", Delivered = "delivered", Failed = "failed", }
}

impl Status {
    /// All the states that this word stands for.
    pub(super) fn states(self) -> Vec<DeliveryState> {
        match self {
            Self::Pending => vec![DeliveryState::Pending],
            Self::Waiting => vec![DeliveryState::Waiting, DeliveryState::Held],
            Self::Delivered => vec![DeliveryState::Delivered, DeliveryState::Accepted],
            Self::Failed => vec![DeliveryState::Rejected, DeliveryState::Expired, DeliveryState::Canceled],
        }
    }

    fn of(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Waiting | DeliveryState::Held => Self::Waiting,
            DeliveryState::Delivered | DeliveryState::Accepted => Self::Delivered,
            DeliveryState::Rejected | DeliveryState::Expired | DeliveryState::Canceled => Self::Failed,
        }
    }
}

impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        })
    }
}

impl View for Status {
    fn schema(schemas: &mut Schemas) -> Value {
        <Self as crate::shape::Shape>::schema(schemas)
    }
}

view! {
    /// One event on its way to a webhook endpoint.
    WebhookDeliveryResponse {
        id: Id = "_id";
        /// The `webhook-id` of its calls.
        event_id: Id = "eventId";
        event: String = "event";
        /// `pending` for the first attempt, `waiting` for the next one, `delivered` or `failed`.
        status: Status = "status";
        attempts: i64 = "attempts";
        last_http_status: Nullable<i64> = "lastHttpStatus";
        last_error: Nullable<String> = "lastError";
        next_attempt_at: Nullable<Time> = "nextAttemptAt";
        expires_at: Time = "expiresAt";
        created_at: Time = "createdAt";
        finished_at: Nullable<Time> = "finishedAt";
        /// What is sent; when one delivery is read.
        payload: Option<Value> = "payload";
        /// The calls, newest first; when one delivery is read.
        calls: Option<Vec<WebhookCallResponse>> = "calls";
    }
}

view! {
    /// One call to the receiver.
    WebhookCallResponse {
        /// The answer's; null when there was none.
        http_status: Nullable<i64> = "httpStatus";
        /// How long it took, in milliseconds.
        duration: i64 = "duration";
        /// What was wrong.
        error: Nullable<String> = "error";
        /// The beginning of the answer.
        response: Nullable<String> = "response";
        /// Whether a call before it was interrupted, so that the receiver may have got this one twice.
        repeated: bool = "repeated";
        created_at: Time = "createdAt";
    }
}

view! {
    /// Where to see what became of it.
    WebhookDeliveryReference {
        delivery_id: Id = "deliveryId";
        /// The `webhook-id` of its calls.
        event_id: Id = "eventId";
    }
}

pub(super) fn delivery(delivery: WebhookDelivery) -> WebhookDeliveryResponse {
    WebhookDeliveryResponse {
        id: delivery.id,
        event_id: delivery.change_id,
        event: delivery.kind,
        status: Status::of(delivery.state),
        attempts: delivery.attempts,
        last_http_status: Nullable(delivery.last_status),
        last_error: Nullable(delivery.last_error),
        next_attempt_at: Nullable(delivery.next_attempt_at),
        expires_at: delivery.expires_at,
        created_at: delivery.created_at,
        finished_at: Nullable(delivery.finished_at),
        payload: None,
        calls: None,
    }
}

pub(super) fn call(call: WebhookCall) -> WebhookCallResponse {
    WebhookCallResponse {
        http_status: Nullable(call.status),
        duration: call.duration,
        error: Nullable(call.error),
        response: Nullable(call.response),
        repeated: call.repeated,
        created_at: call.created_at,
    }
}
