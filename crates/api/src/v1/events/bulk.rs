//! `POST /v1/events/trigger/bulk`: up to 100 events in one commit. Each is decided by itself, and the answers stand in the
//! order of the events (engine.md a.3).

use std::collections::HashSet;

use campanile_engine::{Trigger, new_transaction_id};
use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::events::REPEATED;
use serde_json::Value;

use super::decide::{Decided, TriggerResponse, acknowledged, decide};
use super::dry_run;
use super::trigger::TriggerEvent;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

/// More events are refused.
const MOST: usize = 100;
/// How often a lost race is run again before the caller is asked to.
const TRIES: usize = 8;

pub(crate) const ROUTE: Route = route!(
    post "/v1/events/trigger/bulk", "EventsController_triggerBulk", "Trigger many events", run,
    .permit(Permission::EventWrite, Category::Trigger)
    .cost(100)
    .large_body()
    .takes::<BulkTriggerEvent>()
    .answers::<Vec<TriggerResponse>>()
);

fn not_empty(list: &[TriggerEvent]) -> Option<String> {
    list.is_empty().then(|| "should not be empty".to_owned())
}

dto! {
    /// Events to trigger.
    BulkTriggerEvent {
        required events: Vec<TriggerEvent> = "events" [rules::most(MOST), not_empty];
    }
}

async fn run(call: Call) -> Result<Reply> {
    dry_run::refuse(&call)?;
    let body: BulkTriggerEvent = call.body()?;
    let mut answers = Vec::with_capacity(body.events.len());
    let mut triggers: Vec<Trigger> = Vec::new();
    for event in body.events {
        let transaction_id = event.transaction_id.clone().filter(|id| !id.is_empty());
        answers.push(match decide(&call, event.asked()).await {
            Ok(Decided::Refuse(answer)) => answer,
            Ok(Decided::Accept(trigger)) => {
                let id = transaction_id.unwrap_or_else(|| new_transaction_id(call.store().new_id()));
                triggers.push(Trigger {
                    transaction_id: Some(id.clone()),
                    ..*trigger
                });
                acknowledged("processed", id)
            }
            Err(error) => failed(error, transaction_id)?,
        });
    }
    let reply = Reply::data(201, &answers)?;
    // Two events of one name are one event, in one call as in two.
    let mut known: HashSet<String> = HashSet::new();
    triggers.retain(|trigger| known.insert(trigger.transaction_id.clone().unwrap_or_default()));
    for _ in 0..TRIES {
        let mut batch = Batch::new();
        call.app.engine().add_events(&mut batch, &call.ctx, &triggers)?;
        match call.commit(batch, &reply).await {
            Ok(_) => {
                call.app.engine().count_accepted(triggers.len());
                return Ok(reply);
            }
            Err(error) if error.is_conflict(REPEATED) => {
                let names = triggers
                    .iter()
                    .filter_map(|trigger| trigger.transaction_id.clone())
                    .collect();
                let there = call.store().events_of_transactions(&call.ctx, names).await?;
                let there: HashSet<String> = there.into_iter().map(|(name, _)| name).collect();
                triggers.retain(|trigger| trigger.transaction_id.as_ref().is_none_or(|name| !there.contains(name)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::unavailable(
        "The same events are being triggered by others; please try again.",
        1,
    ))
}

/// The answer for the one event that is wrong. What is our fault is the fault of the whole call.
fn failed(error: Error, transaction_id: Option<String>) -> Result<TriggerResponse> {
    if error.kind().status().0 >= 500 {
        return Err(error);
    }
    let texts = error
        .errors()
        .and_then(|errors| errors["general"]["messages"].as_array())
        .map(|texts| texts.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Ok(TriggerResponse {
        acknowledged: true,
        status: "error",
        error: Some(texts.unwrap_or_else(|| vec![error.message().to_owned()])),
        transaction_id,
    })
}
