//! What a channel step hands to delivery: messages, their deliveries, and the tasks that make the attempts.

use campanile_model::channel::{JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Channel, Id};
use campanile_store::StoreError;
use campanile_store::deliveries::NewDelivery;
use campanile_store::integrations::Integration;
use campanile_store::messages::{Attention, Head, Message};
use campanile_store::notifications::Job;
use campanile_store::tasks::{NewTask, Task};
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use crate::EXPIRY;
use crate::run::{Run, Turn};
use crate::task::{ADVANCE, AdvanceV1, DELIVER, DeliverV1, payload};

/// A step that makes no more deliveries than this hands them to its own process; more go through the queue, so that
/// others have their turn.
const HANDED_ON: usize = 8;

/// One message with its deliveries.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) integration_id: Id,
    pub(crate) provider_id: String,
    /// What the channel has besides the text.
    pub(crate) head: Head,
    /// `{provider, custom}` as the provider gets them.
    pub(crate) overrides: Value,
    pub(crate) deliveries: Vec<Planned>,
}

/// One delivery.
#[derive(Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) endpoint: Option<Id>,
    /// The address with its type, when it does not come from the endpoint's row.
    pub(crate) address: Option<Value>,
    /// What the activity feed shows of the address.
    pub(crate) shown: Value,
    /// What is paced: the destination.
    pub(crate) lane: String,
}

/// A message without deliveries: it is there as soon as it is stored, or it cannot be sent at all.
pub(crate) struct Alone<'a> {
    pub(crate) channel: Channel,
    pub(crate) integration: &'a Integration,
    pub(crate) text: String,
    pub(crate) head: Head,
    pub(crate) status: MessageStatus,
    /// Why it cannot be sent: an id and a sentence.
    pub(crate) error: Option<(&'static str, &'static str)>,
}

/// Stores a message without deliveries.
pub(crate) fn store_alone(run: &mut Run<'_>, turn: &mut Turn<'_>, alone: Alone<'_>) -> Result<(), StoreError> {
    turn.job.provider_id = Some(alone.integration.provider_id.clone());
    let mut message = message(run, turn.job, alone.channel, alone.integration.id, alone.head);
    message.provider_id.clone_from(&alone.integration.provider_id);
    message.content = alone.text;
    message.status = alone.status;
    message.error_id = alone.error.map(|(id, _)| id.to_owned());
    message.error_text = alone.error.map(|(_, text)| text.to_owned());
    if alone.status == MessageStatus::Sent {
        message.attention.delivered_at.push(message.created_at);
    }
    store_message(run, turn.job, &message, 0)
}

/// A message of this job that waits for its deliveries.
fn message(run: &Run<'_>, job: &Job, channel: Channel, integration: Id, head: Head) -> Message {
    let view = run.view;
    let now = view.engine.store().now();
    Message {
        id: view.engine.store().new_id(),
        event_id: view.notification.event_id,
        notification_id: view.notification.id,
        position: job.position,
        workflow_id: view.notification.workflow_id,
        transaction_id: view.notification.transaction_id.clone(),
        subscriber_id: view.notification.subscriber_id,
        contexts: view.notification.contexts.clone(),
        channel,
        provider_id: String::new(),
        integration_id: integration,
        content: String::new(),
        overrides: json!({}),
        channel_data: json!([]),
        status: MessageStatus::Warning,
        error_id: None,
        error_text: None,
        expires_at: now.plus(EXPIRY),
        created_at: now,
        updated_at: now,
        head: Head {
            tags: view.notification.tags.clone(),
            severity: view.notification.severity,
            ..head
        },
        attention: Attention::default(),
    }
}

/// Stores the messages of a step with their deliveries, and the tasks of these; the job waits for them.
pub(crate) fn queue(
    run: &mut Run<'_>,
    turn: &mut Turn<'_>,
    channel: Channel,
    groups: Vec<Group>,
    text: &str,
) -> Result<(), StoreError> {
    let view = run.view;
    let count: usize = groups.iter().map(|group| group.deliveries.len()).sum();
    let hands_on = view.hands_on && count <= HANDED_ON;
    turn.job.status = JobStatus::Queued;
    turn.job.provider_id = groups.first().map(|group| group.provider_id.clone());
    turn.job.open = i64::try_from(count).unwrap_or(i64::MAX);
    turn.job.open_first = turn.job.open;
    for group in groups {
        let message = Message {
            provider_id: group.provider_id,
            content: text.to_owned(),
            overrides: group.overrides,
            channel_data: group.deliveries.iter().map(|delivery| delivery.shown.clone()).collect(),
            ..message(run, turn.job, channel, group.integration_id, group.head)
        };
        store_message(run, turn.job, &message, group.deliveries.len())?;
        for planned in group.deliveries {
            let handed_on = store_delivery(run, turn, &message, planned, hands_on)?;
            run.handed_on.extend(handed_on);
        }
    }
    Ok(())
}

fn store_message(run: &mut Run<'_>, job: &Job, message: &Message, deliveries: usize) -> Result<(), StoreError> {
    let view = run.view;
    view.engine
        .store()
        .insert_message(run.batch, view.ctx, message, deliveries)?;
    let selected = NewTrace::new(Detail::IntegrationSelected, TraceStatus::Success)
        .provider(&message.provider_id)
        .raw(json!({ "integrationId": message.integration_id, "providerId": message.provider_id }));
    run.tell(job, selected);
    let created = NewTrace::new(Detail::MessageCreated, TraceStatus::Pending)
        .provider(&message.provider_id)
        .raw(json!({ "messageId": message.id, "channelData": message.channel_data }));
    run.tell(job, created);
    Ok(())
}

/// The delivery's task, when this process goes on with it.
fn store_delivery(
    run: &mut Run<'_>,
    turn: &Turn<'_>,
    message: &Message,
    planned: Planned,
    hands_on: bool,
) -> Result<Option<Task>, StoreError> {
    let view = run.view;
    let store = view.engine.store();
    let delivery = NewDelivery {
        id: store.new_id(),
        message_id: message.id,
        integration_id: message.integration_id,
        endpoint_id: planned.endpoint,
        address: planned.address,
        expires_at: message.expires_at,
    };
    store.insert_delivery(run.batch, view.ctx, &delivery)?;
    let asked = DeliverV1 {
        message: message.id.to_string(),
        delivery: delivery.id.to_string(),
        notification: view.notification.id.to_string(),
        position: turn.job.position,
        tried: false,
        next: turn.next.clone(),
    };
    let task = NewTask {
        lane: planned.lane,
        kind: DELIVER,
        payload: payload(&asked),
        run_at: message.created_at,
        id: store.new_id(),
    };
    if hands_on {
        return Ok(Some(store.enqueue_claimed(run.batch, view.ctx, task)));
    }
    store.enqueue(run.batch, view.ctx, task);
    Ok(None)
}

/// Stores the task that runs the notification's steps from this job on in a turn of its own.
pub(crate) fn take_own_turn(run: &mut Run<'_>, job: &Job) {
    let view = run.view;
    let store = view.engine.store();
    let asked = AdvanceV1::at(view.notification.id, job.position);
    let task = NewTask {
        lane: "plan".to_owned(),
        kind: ADVANCE,
        payload: payload(&asked),
        run_at: store.now(),
        // One turn for each job, however often it is planned.
        id: job.id,
    };
    store.enqueue(run.batch, view.ctx, task);
}
