//! The explanation in answers.

use std::collections::HashMap;

use campanile_model::channel::{DeliveryState, JobReason, JobStatus, MessageStatus, Outcome, TraceSource, TraceStatus};
use campanile_model::{Channel, Id, StepType, Time, texts};
use campanile_store::deliveries::Delivery;
use campanile_store::messages::Message;
use campanile_store::notifications::{Job, Notification};
use campanile_store::traces::Trace;
use serde_json::Value;

use super::summary;
use crate::view;

view! {
    /// Why a subscriber got, or did not get, the messages of an event.
    EventExplanation {
        transaction_id: String = "transactionId";
        subscriber_id: String = "subscriberId";
        /// Absent when the workflow is gone.
        workflow_id: Option<String> = "workflowId";
        workflow_name: Option<String> = "workflowName";
        accepted_at: Time = "acceptedAt";
        /// The request that triggered the event.
        request_id: String = "requestId";
        /// `received`: something reached a provider or the feed; `waiting`: nothing yet, and something still may;
        /// `not_received`: nothing, and nothing will; `no_recipient`: the event made no notification for them.
        outcome: Outcome = "outcome";
        /// The answer in a sentence.
        summary: String = "summary";
        /// What was decided about the subscriber before there was a notification.
        decisions: Vec<DecisionExplanation> = "decisions";
        notification: Option<NotificationExplanation> = "notification";
    }
}

view! {
    /// What became of the subscriber's notification.
    NotificationExplanation {
        id: Id = "_id";
        created_at: Time = "createdAt";
        /// Absent while a step waits.
        finished_at: Option<Time> = "finishedAt";
        critical: bool = "critical";
        /// The topic through which it came, unless the subscriber was named.
        topic_key: Option<String> = "topicKey";
        context_keys: Vec<String> = "contextKeys";
        outcome: Outcome = "outcome";
        summary: String = "summary";
        /// Decisions about the notification as a whole.
        decisions: Vec<DecisionExplanation> = "decisions";
        steps: Vec<StepExplanation> = "steps";
    }
}

view! {
    /// What became of one step.
    StepExplanation {
        step_id: String = "stepId";
        name: Option<String> = "name";
        kind: StepType = "type";
        status: JobStatus = "status";
        /// Why it did not do its work.
        reason: Option<JobReason> = "reason";
        /// Until when it waits, or waited.
        due_at: Option<Time> = "dueAt";
        summary: String = "summary";
        /// Everything that was decided, oldest first.
        decisions: Vec<DecisionExplanation> = "decisions";
        messages: Vec<MessageExplanation> = "messages";
    }
}

view! {
    /// One thing that was decided, as it was written down then.
    DecisionExplanation {
        code: String = "code";
        text: String = "text";
        status: TraceStatus = "status";
        source: TraceSource = "source";
        provider_id: Option<String> = "providerId";
        is_retry: bool = "isRetry";
        /// What the decision was made from.
        facts: Option<Value> = "facts";
        at: Time = "at";
        request_id: String = "requestId";
    }
}

view! {
    /// One message of a step.
    MessageExplanation {
        id: Id = "_id";
        channel: Channel = "channel";
        provider_id: String = "providerId";
        status: MessageStatus = "status";
        error: Option<String> = "error";
        /// After this it is not sent any more.
        expires_at: Time = "expiresAt";
        /// Its ways to the subscriber's addresses; none for the feed.
        deliveries: Vec<DeliveryExplanation> = "deliveries";
    }
}

view! {
    /// One message on its way to one address.
    DeliveryExplanation {
        id: Id = "_id";
        state: DeliveryState = "state";
        attempts: i64 = "attempts";
        next_attempt_at: Option<Time> = "nextAttemptAt";
        /// The id that the provider gave it.
        provider_message_id: Option<String> = "providerMessageId";
        /// What the last attempt came to, classified.
        last_outcome: Option<Value> = "lastOutcome";
        updated_at: Time = "updatedAt";
    }
}

/// A trace as a decision.
pub(super) fn decision(trace: &Trace) -> DecisionExplanation {
    DecisionExplanation {
        code: trace.detail.clone(),
        text: texts::text(&trace.detail).trim().to_owned(),
        status: trace.status,
        source: trace.source,
        provider_id: trace.provider_id.clone(),
        is_retry: trace.is_retry,
        facts: trace.raw.as_deref().and_then(|raw| serde_json::from_str(raw).ok()),
        at: trace.created_at,
        request_id: trace.request_id.clone(),
    }
}

/// A notification with its steps; the synthetic trigger job carries what concerns all of it.
pub(in crate::v1::events) fn explained(
    notification: Notification,
    jobs: &[Job],
    messages: &[Message],
    deliveries: &HashMap<Id, Vec<Delivery>>,
    traces: &[Trace],
) -> NotificationExplanation {
    let of = |position: i64| traces.iter().filter(move |trace| trace.position == position);
    let steps: Vec<StepExplanation> = jobs
        .iter()
        .filter(|job| job.kind != StepType::Trigger)
        .map(|job| {
            let own: Vec<&Message> = messages.iter().filter(|one| one.position == job.position).collect();
            let told: Vec<&Trace> = of(job.position).collect();
            StepExplanation {
                step_id: job.step_id.clone(),
                name: job.step["name"].as_str().map(str::to_owned),
                kind: job.kind,
                status: job.status,
                reason: job.reason,
                due_at: job.due_at,
                summary: summary::of_step(job, &own, &told),
                decisions: told.iter().map(|trace| decision(trace)).collect(),
                messages: own.iter().map(|one| message(one, deliveries)).collect(),
            }
        })
        .collect();
    let (outcome, text) = summary::of_notification(&steps);
    NotificationExplanation {
        id: notification.id,
        created_at: notification.created_at,
        finished_at: notification.finished_at,
        critical: notification.critical,
        topic_key: notification.topic.map(|topic| topic.key),
        context_keys: notification.contexts.keys().to_vec(),
        outcome,
        summary: text,
        decisions: of(0).map(decision).collect(),
        steps,
    }
}

fn message(message: &Message, deliveries: &HashMap<Id, Vec<Delivery>>) -> MessageExplanation {
    let own = deliveries.get(&message.id).map(Vec::as_slice).unwrap_or_default();
    MessageExplanation {
        id: message.id,
        channel: message.channel,
        provider_id: message.provider_id.clone(),
        status: message.status,
        error: message.error_text.clone(),
        expires_at: message.expires_at,
        deliveries: own
            .iter()
            .map(|one| DeliveryExplanation {
                id: one.id,
                state: one.state,
                attempts: one.attempts,
                next_attempt_at: one.next_attempt_at,
                provider_message_id: one.provider_message_id.clone(),
                last_outcome: one.outcome.clone(),
                updated_at: one.updated_at,
            })
            .collect(),
    }
}
