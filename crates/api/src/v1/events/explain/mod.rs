//! `GET /v1/events/{transactionId}/explain?subscriberId=`: why somebody got, or did not get, each message of an event.
//! Ours, not Novu's. It tells what the engine wrote down when it decided, and decides nothing again.

mod absence;
mod summary;
mod view;

use std::collections::HashMap;

use campanile_engine::recipients::Recipients;
use campanile_model::{Ctx, Error, Id, Permission, Result};
use campanile_store::Store;
use campanile_store::events::Event;
use campanile_store::notifications::{Notification, NotificationFilter};
use campanile_store::traces::Trace;
use campanile_store::workflows::Workflow;

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(super) use view::{EventExplanation, NotificationExplanation, explained};

pub(crate) const ROUTE: Route = route!(
    get "/v1/events/{transactionId}/explain", "", "Explain what became of an event for a subscriber", run,
    .permit(Permission::NotificationRead, Category::Configuration)
    .takes_query::<ExplainEventQuery>()
    .answers::<EventExplanation>()
);

dto! {
    /// Of whom it is to be explained.
    ExplainEventQuery {
        /// The caller's id of the subscriber.
        required subscriber_id: String = "subscriberId" [rules::not_empty];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ExplainEventQuery = call.query()?;
    let (store, ctx) = (call.store(), &call.ctx);
    let transaction = call.parameter("transactionId");
    let missing = || Error::not_found(format!("There is no event with the transactionId {transaction}"));
    let keys = store.events_of_transactions(ctx, vec![transaction.to_owned()]).await?;
    let (_, id) = keys.first().ok_or_else(missing)?;
    let event = store
        .events(ctx, vec![*id])
        .await?
        .into_iter()
        .next()
        .ok_or_else(missing)?;
    let workflow = store.workflows_by_id(ctx, vec![event.workflow_id]).await?;
    let notification = notification(store, ctx, &event, &query.subscriber_id).await?;
    // Some decisions are about no notification: they are told of the event itself.
    let about: Vec<Id> = notification.iter().map(|one| one.id).chain([event.id]).collect();
    let (of_event, traces): (Vec<Trace>, Vec<Trace>) = store
        .traces_of(ctx, about)
        .await?
        .into_iter()
        .partition(|trace| trace.notification_id == event.id);
    let notification = match notification {
        Some(notification) => Some(read(store, ctx, notification, &traces).await?),
        None => None,
    };
    let (id, workflow) = (query.subscriber_id, workflow.first());
    Reply::data(200, &of(Stage::Since, &event, workflow, id, of_event, notification))
}

/// When it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before anything happens.
    Before,
    /// Once the event is stored.
    Since,
}

/// What is told of an event to one subscriber.
pub(super) fn of(
    stage: Stage,
    event: &Event,
    workflow: Option<&Workflow>,
    subscriber_id: String,
    mut of_event: Vec<Trace>,
    notification: Option<NotificationExplanation>,
) -> EventExplanation {
    of_event.retain(|trace| absence::concerns(trace, &subscriber_id));
    let (outcome, summary) = if let Some(shown) = &notification {
        (shown.outcome, shown.summary.clone())
    } else {
        let recipients: Recipients = serde_json::from_str(&event.recipients).unwrap_or_default();
        absence::told(stage, &recipients, &of_event, &subscriber_id)
    };
    EventExplanation {
        transaction_id: event.transaction_id.clone(),
        subscriber_id,
        workflow_id: workflow.map(|one| one.workflow_id.clone()),
        workflow_name: workflow.map(|one| one.name.clone()),
        accepted_at: event.created_at,
        request_id: event.request_id.clone(),
        outcome,
        summary,
        decisions: of_event.iter().map(view::decision).collect(),
        notification,
    }
}

/// The subscriber's notification. One that was made before the subscriber was deleted is found only as long as they are
/// there.
async fn notification(store: &Store, ctx: &Ctx, event: &Event, subscriber: &str) -> Result<Option<Notification>> {
    let Some(subscriber) = store.subscriber(ctx, subscriber).await? else {
        return Ok(None);
    };
    let filter = NotificationFilter {
        subscribers: Some(vec![subscriber.id]),
        events: Some(vec![event.id]),
        ..NotificationFilter::default()
    };
    let (found, _) = store.list_notifications(ctx, &filter, 0, 1).await?;
    Ok(found.into_iter().next())
}

async fn read(
    store: &Store,
    ctx: &Ctx,
    notification: Notification,
    traces: &[Trace],
) -> Result<NotificationExplanation> {
    let jobs = store.jobs_of(ctx, vec![notification.id]).await?;
    let messages = store.messages_of(ctx, vec![notification.id]).await?;
    let ids: Vec<Id> = messages.iter().map(|message| message.id).collect();
    let mut deliveries: HashMap<Id, Vec<_>> = HashMap::new();
    for delivery in store.deliveries_of(ctx, ids).await? {
        deliveries.entry(delivery.message_id).or_default().push(delivery);
    }
    Ok(explained(notification, &jobs, &messages, &deliveries, traces))
}
