//! `POST /v1/events/trigger`: accepts an event. 201 means that it is stored (engine.md a.1).

use campanile_engine::{Trigger, recipients};
use campanile_model::{Ctx, Error, Id, Permission, Result, context};
use serde_json::{Map, Value};

use crate::App;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Problems, rules};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/events/trigger", "EventsController_trigger", "Trigger an event", run,
    .permit(Permission::EventWrite, Category::Trigger)
    .large_body()
    .late_lookup()
    .takes::<TriggerEvent>()
    .answers::<TriggerResponse>()
);

dto! {
    /// What happens, to whom, with what.
    TriggerEvent {
        /// The identifier of the workflow.
        required name: String = "name" [rules::not_empty];
        /// A subscriberId, a subscriber, or a list of these.
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

view! {
    /// What became of a trigger.
    TriggerResponse {
        acknowledged: bool = "acknowledged";
        status: &'static str = "status";
        transaction_id: String = "transactionId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: TriggerEvent = call.body()?;
    let mut problems = Problems::default();
    let mut taken = |read: Result<_, Vec<String>>| match read {
        Ok(read) => read,
        Err(texts) => {
            for text in texts {
                problems.add_text(text);
            }
            recipients::Recipients::default()
        }
    };
    let mut to = taken(recipients::parse(&body.to));
    if let Some(actor) = &body.actor {
        let read = recipients::parse_actor(actor);
        to.actor = taken(read.map(|actor| recipients::Recipients {
            actor,
            ..Default::default()
        }))
        .actor;
    }
    let contexts = match &body.context {
        None => Vec::new(),
        Some(context) => context::parse(context).unwrap_or_else(|texts| {
            for text in texts {
                problems.add_text(text);
            }
            Vec::new()
        }),
    };
    if body.bridge_url.is_some() {
        problems.add_text("bridgeUrl must be absent: this server does not call bridges yet".to_owned());
    }
    if !problems.is_empty() {
        return Err(problems.into_error());
    }
    let transaction_id = body.transaction_id.filter(|id| !id.is_empty());
    let engine = call.app.engine();
    let Some(workflow) = engine.workflow_named(&call.ctx, &body.name).await? else {
        return Err(
            Error::new(campanile_model::error::Kind::Invalid, "workflow_not_found").with("workflowId", body.name)
        );
    };
    let refused = |status: &'static str| {
        let transaction_id = transaction_id
            .clone()
            .unwrap_or_else(|| format!("txn_{}", call.store().new_id()));
        Reply::data(
            201,
            &TriggerResponse {
                acknowledged: true,
                status,
                transaction_id,
            },
        )
    };
    let payload = workflow.checked_payload(body.payload.unwrap_or_default())?;
    if body.tenant.is_some() {
        // There are no tenants of the older kind, so none that is named is known.
        return refused("no_tenant_found");
    }
    if !workflow.workflow.active {
        return refused("trigger_not_active");
    }
    if workflow.workflow.steps.is_empty() {
        return refused("no_workflow_steps_defined");
    }
    if to.to.is_empty() {
        return refused("invalid_recipients");
    }
    let trigger = Trigger {
        workflow,
        recipients: to,
        payload,
        overrides: Value::Object(body.overrides.unwrap_or_default()),
        contexts,
        transaction_id,
    };
    let key = call.idempotency.as_ref().map(|idempotency| &idempotency.key);
    let accepted = engine.accept(&call.ctx, trigger, key).await;
    if let Some(idempotency) = &call.idempotency
        && accepted.as_ref().map_or(true, |accepted| accepted.is_new)
    {
        idempotency.settle(&accepted);
    }
    answer(accepted?.transaction_id)
}

fn answer(transaction_id: String) -> Result<Reply> {
    Reply::data(
        201,
        &TriggerResponse {
            acknowledged: true,
            status: "processed",
            transaction_id,
        },
    )
}

/// The answer of an accepted trigger, made again from its event.
pub(crate) async fn answer_again(app: &App, ctx: &Ctx, event: Id) -> Result<String> {
    let event = app.store().events(ctx, vec![event]).await?.into_iter().next();
    let event = event.ok_or_else(|| Error::not_found("The event of this Idempotency-Key is no longer kept"))?;
    Ok(answer(event.transaction_id)?.body)
}
