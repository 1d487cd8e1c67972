//! `POST /v1/events/trigger/broadcast`: an event for every subscriber of the environment (engine.md a.5).

use campanile_model::{Permission, Result};
use serde_json::{Map, Value};

use super::accept::accept;
use super::decide::{Asked, TriggerResponse};
use super::dry_run::{DryRunQuery, EventRehearsal};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/events/trigger/broadcast", "EventsController_broadcastEventToAll", "Trigger an event for everybody", run,
    .permit(Permission::EventWrite, Category::Trigger)
    .cost(100)
    .large_body()
    .late_lookup()
    .takes_query::<DryRunQuery>()
    .takes::<TriggerEventToAll>()
    .answers::<TriggerResponse>()
    .dry_run::<EventRehearsal>()
);

dto! {
    /// What happens to everybody, with what.
    TriggerEventToAll {
        /// The identifier of the workflow.
        required name: String = "name" [rules::not_empty];
        required payload: Map<String, Value> = "payload";
        optional overrides: Map<String, Value> = "overrides";
        /// Your own name for the event; the same one twice makes one event.
        optional transaction_id: String = "transactionId" [rules::length(0, 255)];
        /// Who caused it.
        optional actor: Value = "actor";
        optional tenant: Value = "tenant";
        /// What it is about: type → id, or → {id, data}.
        optional context: Value = "context";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: TriggerEventToAll = call.body()?;
    let asked = Asked {
        name: body.name,
        to: None,
        payload: Some(body.payload),
        overrides: body.overrides,
        transaction_id: body.transaction_id,
        actor: body.actor,
        tenant: body.tenant,
        context: body.context,
        bridge_url: None,
    };
    accept(call, asked).await
}
