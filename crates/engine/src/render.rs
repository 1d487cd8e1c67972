//! Rendering of a step's controls: the controls are one JSON text and one template, as in the original (engine.md f.1).

use std::collections::HashMap;

use campanile_liquid::{RenderOptions, Template};
use campanile_model::{StepType, Time};
use campanile_store::contexts::Context;
use campanile_store::subscribers::Subscriber;
use campanile_store::workflows::Workflow;
use serde_json::{Map, Value, json};

use crate::steps::email;
use crate::translations::{self, Frame, Texts};
use crate::workflows::{Condition, Prepared};

/// What templates see of somebody.
pub(crate) fn person(subscriber: &Subscriber) -> Value {
    let mut person = subscriber.profile.clone();
    person.insert("subscriberId".to_owned(), subscriber.subscriber_id.as_str().into());
    person.insert("isOnline".to_owned(), subscriber.is_online.unwrap_or(false).into());
    if let Some(last) = subscriber.last_online_at {
        person.insert("lastOnlineAt".to_owned(), last.to_string().into());
    }
    Value::Object(person)
}

/// What the data is made of.
pub(crate) struct Sources<'a> {
    pub(crate) workflow: &'a Workflow,
    pub(crate) subscriber: &'a Subscriber,
    /// Who caused the event, as templates see them.
    pub(crate) actor: Option<&'a Value>,
    pub(crate) payload: &'a Value,
    pub(crate) contexts: &'a HashMap<String, Context>,
    /// The contexts of the event.
    pub(crate) keys: &'a [String],
    pub(crate) env: &'a Value,
}

/// The data that templates see. Whoever is not there is not in it either, so that conditions tell the two apart.
pub(crate) fn data(sources: &Sources<'_>) -> Value {
    let Sources {
        workflow,
        contexts,
        keys,
        ..
    } = *sources;
    let about: Map<String, Value> = keys
        .iter()
        .filter_map(|key| key.split_once(':').map(|(kind, id)| (kind, id, contexts.get(key))))
        .map(|(kind, id, context)| {
            let data = context.map_or_else(|| json!({}), |context| Value::Object(context.data.clone()));
            (kind.to_owned(), json!({ "id": id, "data": data }))
        })
        .collect();
    let mut data = json!({
        "payload": sources.payload,
        "subscriber": person(sources.subscriber),
        "context": about,
        "steps": {},
        "env": sources.env,
        "workflow": {
            "workflowId": workflow.workflow_id,
            "name": workflow.name,
            "description": workflow.description,
            "tags": workflow.tags,
            "severity": workflow.severity,
        },
    });
    if let Some(actor) = sources.actor {
        data["actor"] = actor.clone();
    }
    data
}

/// The rule that the step at this index runs by, rendered; nothing when it always runs. `Err` says why there is none.
pub(crate) fn condition(prepared: &Prepared, index: usize, data: &Value, now: Time) -> Result<Option<Value>, String> {
    match prepared.conditions.get(index) {
        None | Some(Condition::Always) => Ok(None),
        Some(Condition::Rule(rule)) => Ok(Some(rule.clone())),
        Some(Condition::Template(template)) => rendered(template, data, now).map(Some),
        Some(Condition::Broken(problem)) => Err(problem.clone()),
    }
}

/// The controls of the step at this index, rendered; `Err` says why they could not be.
pub(crate) fn controls(prepared: &Prepared, index: usize, data: &Value, now: Time) -> Result<Value, String> {
    let template = prepared
        .templates
        .get(index)
        .ok_or("the step has no controls")?
        .as_ref()
        .map_err(String::clone)?;
    rendered(template, data, now)
}

/// What a step is previewed with.
pub struct Preview<'a> {
    /// What it does.
    pub kind: StepType,
    /// What it is told.
    pub controls: Map<String, Value>,
    /// The workflow's texts, when translations are on.
    pub texts: Option<&'a Texts>,
    /// The environment's layouts, which mails go into.
    pub frames: &'a [Frame],
    /// What templates see.
    pub data: &'a Value,
    /// The time.
    pub now: Time,
}

/// A step's controls rendered as a run of it renders them, a mail's body in its layout; `Err` says why they could not be.
pub fn preview(mut preview: Preview<'_>) -> Result<Value, String> {
    preview.controls.remove("skip");
    let mut data = preview.data.clone();
    if let Some(texts) = preview.texts {
        let keys = translations::prepare(&mut preview.controls);
        texts.give(&keys, &mut data, preview.now)?;
    }
    let html = match preview.kind {
        StepType::Email => Some(email::preview(&preview.controls, preview.frames, &data, preview.now)?),
        _ => None,
    };
    if html.is_some() {
        preview.controls.remove("body");
    }
    let controls = Value::Object(preview.controls).to_string();
    let template = Template::parse(&controls).map_err(|error| error.to_string())?;
    let mut rendered = rendered(&template, &data, preview.now)?;
    if let Some(html) = html {
        rendered["body"] = html.into();
    }
    Ok(rendered)
}

/// Renders a template that is JSON.
pub(crate) fn rendered(template: &Template, data: &Value, now: Time) -> Result<Value, String> {
    let text = template
        .render(data, &RenderOptions::novu(now.timestamp()))
        .map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("the rendered text is not valid JSON: {error}"))
}
