//! `POST /v1/events/trigger`: accepts an event. 201 means that it is stored (engine.md a.1).

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
    post "/v1/events/trigger", "EventsController_trigger", "Trigger an event", run,
    .permit(Permission::EventWrite, Category::Trigger)
    .large_body()
    .late_lookup()
    .takes_query::<DryRunQuery>()
    .takes::<TriggerEvent>()
    .answers::<TriggerResponse>()
    .dry_run::<EventRehearsal>()
);

dto! {
    /// What happens, to whom, with what.
    TriggerEvent {
        /// The identifier of the workflow.
        required name: String = "name" [rules::not_empty];
        /// A subscriberId, a subscriber, a topic (`{type: "Topic", topicKey, exclude?}`), or a list of these.
        required to: Value = "to";
        optional payload: Map<String, Value> = "payload";
        optional overrides: Map<String, Value> = "overrides";
        /// Your own name for the event; the same one twice makes one event.
        optional transaction_id: String = "transactionId" [rules::length(0, 255)];
        /// Who caused it.
        optional actor: Value = "actor";
        optional tenant: Value = "tenant";
        /// What it is about: type → id, or → {id, data}.
        optional context: Value = "context";
        optional bridge_url: String = "bridgeUrl";
    }
}

impl TriggerEvent {
    pub(super) fn asked(self) -> Asked {
        Asked {
            name: self.name,
            to: Some(self.to),
            payload: self.payload,
            overrides: self.overrides,
            transaction_id: self.transaction_id,
            actor: self.actor,
            tenant: self.tenant,
            context: self.context,
            bridge_url: self.bridge_url,
        }
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: TriggerEvent = call.body()?;
    accept(call, body.asked()).await
}
