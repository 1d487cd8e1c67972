//! What becomes of a trigger before anything is stored: read in full, then found in order, refused with a status, or
//! wrong (engine.md a.1). Single, bulk and broadcast triggers all go this way.

use campanile_engine::recipients::{self, Recipients};
use campanile_engine::{Trigger, attachments, new_transaction_id};
use campanile_model::error::Kind;
use campanile_model::{Error, Result, context};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::shape::Problems;
use crate::view;

view! {
    /// What became of a trigger.
    TriggerResponse {
        acknowledged: bool = "acknowledged";
        status: &'static str = "status";
        /// Why it failed, for the one event of many that did.
        error: Option<Vec<String>> = "error";
        transaction_id: Option<String> = "transactionId";
    }
}

/// A trigger as a caller made it.
pub(super) struct Asked {
    pub(super) name: String,
    /// `None` for everybody.
    pub(super) to: Option<Value>,
    pub(super) payload: Option<Map<String, Value>>,
    pub(super) overrides: Option<Map<String, Value>>,
    pub(super) transaction_id: Option<String>,
    pub(super) actor: Option<Value>,
    pub(super) tenant: Option<Value>,
    pub(super) context: Option<Value>,
    pub(super) bridge_url: Option<String>,
}

/// What becomes of a trigger that is not wrong.
pub(super) enum Decided {
    /// It is in order.
    Accept(Box<Trigger>),
    /// It is acknowledged, and nothing happens.
    Refuse(TriggerResponse),
}

/// Decides; an error is the caller's mistake.
pub(super) async fn decide(call: &Call, asked: Asked) -> Result<Decided> {
    let (recipients, contexts) = read(&asked)?;
    let transaction_id = asked.transaction_id.filter(|id| !id.is_empty());
    let Some(workflow) = call.app.engine().workflow_named(&call.ctx, &asked.name).await? else {
        return Err(Error::new(Kind::Invalid, "workflow_not_found").with("workflowId", asked.name));
    };
    let payload = workflow.checked_payload(asked.payload.unwrap_or_default())?;
    let refused = if asked.tenant.is_some() {
        // There are no tenants of the older kind, so none that is named is known.
        Some("no_tenant_found")
    } else if !workflow.workflow.active {
        Some("trigger_not_active")
    } else if workflow.workflow.steps.is_empty() {
        Some("no_workflow_steps_defined")
    } else if recipients.is_empty() {
        Some("invalid_recipients")
    } else {
        None
    };
    if let Some(status) = refused {
        let transaction_id = transaction_id.unwrap_or_else(|| new_transaction_id(call.store().new_id()));
        return Ok(Decided::Refuse(acknowledged(status, transaction_id)));
    }
    Ok(Decided::Accept(Box::new(Trigger {
        workflow,
        recipients,
        payload,
        overrides: Value::Object(asked.overrides.unwrap_or_default()),
        contexts,
        transaction_id,
    })))
}

/// Recipients and contexts, or all that is wrong with them at once.
fn read(asked: &Asked) -> Result<(Recipients, Vec<context::NamedContext>)> {
    let mut problems = Problems::default();
    let mut complain = |texts: Vec<String>| texts.into_iter().for_each(|text| problems.add_text(text));
    let read = asked.to.as_ref().map_or(Ok(Recipients::everybody()), recipients::parse);
    let mut to = read.unwrap_or_else(|texts| {
        complain(texts);
        Recipients::default()
    });
    if let Some(actor) = &asked.actor {
        to.actor = recipients::parse_actor(actor).unwrap_or_else(|texts| {
            complain(texts);
            None
        });
    }
    let contexts = asked.context.as_ref().map_or(Ok(Vec::new()), context::parse);
    let contexts = contexts.unwrap_or_else(|texts| {
        complain(texts);
        Vec::new()
    });
    if let Some(payload) = &asked.payload {
        complain(attachments::faults(payload, asked.overrides.as_ref()));
    }
    if asked.bridge_url.is_some() {
        complain(vec![
            "bridgeUrl must be absent: this server does not call bridges yet".to_owned(),
        ]);
    }
    if problems.is_empty() {
        Ok((to, contexts))
    } else {
        Err(problems.into_error())
    }
}

pub(super) fn acknowledged(status: &'static str, transaction_id: String) -> TriggerResponse {
    TriggerResponse {
        acknowledged: true,
        status,
        error: None,
        transaction_id: Some(transaction_id),
    }
}
