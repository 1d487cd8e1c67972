//! `?dryRun` on a trigger: what would become of it, told like what became of it, before anything happens. Ours, not
//! Novu's. The engine plans the event as it would, and nothing of it is written.

use std::collections::HashMap;

use campanile_engine::{Rehearsal, Trigger};
use campanile_model::{Error, Id, Permission, Result};
use campanile_store::deliveries::Delivery;
use campanile_store::notifications::Notification;
use campanile_store::rehearsal::Rehearsed;
use campanile_store::traces::Trace;
use serde_json::Value;

use super::decide::Decided;
use super::explain::{self, EventExplanation, NotificationExplanation, Stage};
use crate::call::{Call, Reply, shaped};
use crate::shape::{Switch, rules};
use crate::{dto, view};

dto! {
    /// How a trigger is rehearsed.
    DryRunQuery {
        /// Whether nothing is to happen, and the answer is what would.
        optional dry_run: Switch = "dryRun";
        /// With `dryRun`: of whom it is to be told; otherwise of the first recipients.
        optional subscriber_id: String = "subscriberId" [rules::not_empty];
    }
}

view! {
    /// What would become of a trigger.
    EventRehearsal {
        /// What the trigger would be answered.
        status: &'static str = "status";
        transaction_id: String = "transactionId";
        /// Whether there is an event with this `transactionId` already: then nothing would happen, and the recipients
        /// are told as if it were new.
        is_repeated: bool = "isRepeated";
        /// What would become of the first recipients, or of the one that was asked for. What waits for a time or for an
        /// answer is told up to there.
        recipients: Vec<EventExplanation> = "recipients";
        /// Whether there are more recipients than these.
        has_more: bool = "hasMore";
    }
}

/// Whether the query asks for a dry run; a value that is no answer counts as yes, and is refused.
pub(crate) fn is_asked(query: &Value) -> bool {
    query
        .get("dryRun")
        .is_some_and(|value| !matches!(value.as_str(), Some("false" | "0")))
}

/// Refuses a dry run where there is none.
pub(super) fn refuse(call: &Call) -> Result<()> {
    if !is_asked(&call.query) {
        return Ok(());
    }
    let text = "dryRun must be absent here: rehearse events one by one with POST /v1/events/trigger?dryRun=true";
    Err(Error::bad_request(text))
}

/// Answers a dry run.
pub(super) async fn answer(call: &Call, decided: Decided) -> Result<Reply> {
    if !call.ctx.permissions.allows(Permission::NotificationRead) {
        let text = "A dry run tells about subscribers: it needs the permission notification:read besides event:write";
        return Err(Error::forbidden(text));
    }
    let query: DryRunQuery = shaped(&call.query)?;
    let trigger = match decided {
        Decided::Accept(trigger) => *trigger,
        Decided::Refuse(answer) => {
            let refused = EventRehearsal {
                status: answer.status,
                transaction_id: answer.transaction_id.unwrap_or_default(),
                is_repeated: false,
                recipients: Vec::new(),
                has_more: false,
            };
            return Reply::data(200, &refused);
        }
    };
    let only = query.subscriber_id.as_deref();
    let rehearsal = Box::pin(call.app.engine().rehearse(&call.ctx, &trigger, only)).await?;
    let transactions = vec![rehearsal.event.transaction_id.clone()];
    let repeated = call.store().events_of_transactions(&call.ctx, transactions).await?;
    let who = only.map_or_else(|| rehearsal.recipients.clone(), |id| vec![id.to_owned()]);
    let told = Told::of(&rehearsal.rows);
    let answer = EventRehearsal {
        status: "processed",
        transaction_id: rehearsal.event.transaction_id.clone(),
        is_repeated: !repeated.is_empty(),
        recipients: who
            .into_iter()
            .map(|id| told.recipient(&trigger, &rehearsal, id))
            .collect(),
        has_more: rehearsal.has_more,
    };
    Reply::data(200, &answer)
}

/// The rows of a rehearsal, by what they belong to.
struct Told<'a> {
    rows: &'a Rehearsed,
    notifications: HashMap<&'a str, &'a Notification>,
    deliveries: HashMap<Id, Vec<Delivery>>,
}

impl<'a> Told<'a> {
    fn of(rows: &'a Rehearsed) -> Self {
        let mut deliveries: HashMap<Id, Vec<Delivery>> = HashMap::new();
        for delivery in &rows.deliveries {
            deliveries
                .entry(delivery.message_id)
                .or_default()
                .push(delivery.clone());
        }
        let by_recipient = rows.notifications.iter().map(|one| (one.recipient.as_str(), one));
        Self {
            rows,
            notifications: by_recipient.collect(),
            deliveries,
        }
    }

    fn recipient(&self, trigger: &Trigger, rehearsal: &Rehearsal, subscriber_id: String) -> EventExplanation {
        let of = |about: Id| -> Vec<Trace> {
            let traces = self.rows.traces.iter();
            traces.filter(|trace| trace.notification_id == about).cloned().collect()
        };
        let notification = self.notifications.get(subscriber_id.as_str());
        let notification = notification.map(|one| self.notification(one, &of(one.id)));
        let workflow = Some(&trigger.workflow.workflow);
        let of_event = of(rehearsal.event.id);
        explain::of(
            Stage::Before,
            &rehearsal.event,
            workflow,
            subscriber_id,
            of_event,
            notification,
        )
    }

    fn notification(&self, notification: &Notification, traces: &[Trace]) -> NotificationExplanation {
        let jobs = self.rows.jobs.iter();
        let jobs: Vec<_> = jobs
            .filter(|job| job.notification_id == notification.id)
            .cloned()
            .collect();
        let messages = self.rows.messages.iter();
        let messages: Vec<_> = messages
            .filter(|message| message.notification_id == notification.id)
            .cloned()
            .collect();
        explain::explained(notification.clone(), &jobs, &messages, &self.deliveries, traces)
    }
}
