//! What each type of step can be told: its data schema, its form in the dashboard, and checks against the schema
//! (api.md 6.5).

mod chat;
mod check;
mod custom;
mod delay;
mod digest;
mod email;
mod http_request;
mod in_app;
mod push;
mod sms;
mod throttle;

use campanile_model::StepType;
use serde_json::{Map, Value, json};

use check::Depth;
pub(super) use check::Fault;

/// One type of step.
struct Controls {
    /// The JSON schema of the control values.
    schema: fn() -> Value,
    /// The form.
    form: fn() -> Value,
    /// The schema that these values are checked against, where the type has variants.
    variant: fn(&Map<String, Value>) -> Value,
    /// What the schema cannot say.
    further: fn(&Map<String, Value>, &mut Vec<Fault>),
    /// Members that the official clients insist on, added to answers where they are missing.
    complete: fn(&mut Map<String, Value>),
}

impl Controls {
    /// A type without variants.
    const fn plain(schema: fn() -> Value, form: fn() -> Value, variant: fn(&Map<String, Value>) -> Value) -> Self {
        Self {
            schema,
            form,
            variant,
            further: |_, _| {},
            complete: |_| {},
        }
    }
}

const fn of(kind: StepType) -> &'static Controls {
    match kind {
        StepType::InApp => &in_app::CONTROLS,
        StepType::Email => &email::CONTROLS,
        StepType::Sms => &sms::CONTROLS,
        StepType::Chat => &chat::CONTROLS,
        StepType::Push => &push::CONTROLS,
        StepType::Digest => &digest::CONTROLS,
        StepType::Delay => &delay::CONTROLS,
        StepType::Throttle => &throttle::CONTROLS,
        StepType::HttpRequest => &http_request::CONTROLS,
        StepType::Trigger | StepType::Custom => &custom::CONTROLS,
    }
}

/// The JSON schema of the control values of a type.
pub(super) fn data_schema(kind: StepType) -> Value {
    (of(kind).schema)()
}

/// How the dashboard shows them.
pub(super) fn ui_schema(kind: StepType) -> Value {
    (of(kind).form)()
}

/// What is wrong with these values. Empty texts count as not given.
pub(super) fn faults(kind: StepType, values: &Map<String, Value>) -> Vec<Fault> {
    let values = without_blanks(values);
    let controls = of(kind);
    let mut faults = Vec::new();
    let schema = (controls.variant)(&values);
    check::check(&schema, &Value::Object(values.clone()), "", Depth::Full, &mut faults);
    (controls.further)(&values, &mut faults);
    faults
}

/// The values as answers show them: what the official clients cannot read is left out (it is among the issues), what
/// they insist on is filled in.
pub(super) fn shown(kind: StepType, values: &Map<String, Value>) -> Map<String, Value> {
    let controls = of(kind);
    let schema = (controls.variant)(values);
    let mut shown: Map<String, Value> = values
        .iter()
        .filter(|(name, value)| {
            let Some(schema) = schema["properties"].get(name.as_str()) else {
                return true;
            };
            let mut faults = Vec::new();
            check::check(schema, value, name, Depth::Form, &mut faults);
            faults.is_empty()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (controls.complete)(&mut shown);
    shown
}

/// The values without empty texts and nulls, and without what is empty without them.
fn without_blanks(values: &Map<String, Value>) -> Map<String, Value> {
    values
        .iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Null => return None,
                Value::String(text) if text.is_empty() => return None,
                Value::Object(inner) => {
                    let inner = without_blanks(inner);
                    // A link without target address is the form's way to say that there is no link.
                    if inner.is_empty() || (name == "redirect" && !inner.contains_key("url")) {
                        return None;
                    }
                    Value::Object(inner)
                }
                other => other.clone(),
            };
            Some((name.clone(), value))
        })
        .collect()
}

/// An object schema that takes nothing but these properties and `skip`.
fn object(properties: &Value, required: &[&str]) -> Value {
    let mut properties = properties.clone();
    properties["skip"] = json!({ "type": "object", "additionalProperties": true });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A form: the component of each property, and what it shows while nothing is given.
fn form(group: &str, components: &[(&str, &str, Value)]) -> Value {
    let mut properties: Map<String, Value> = components
        .iter()
        .map(|(name, component, placeholder)| {
            (
                (*name).to_owned(),
                json!({ "component": component, "placeholder": placeholder }),
            )
        })
        .collect();
    properties.insert("skip".to_owned(), json!({ "component": "QUERY_EDITOR" }));
    json!({ "group": group, "properties": properties })
}

/// The units of waiting.
const UNITS: &[&str] = &["seconds", "minutes", "hours", "days", "weeks", "months"];

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: &[StepType] = &[
        StepType::InApp,
        StepType::Email,
        StepType::Sms,
        StepType::Chat,
        StepType::Push,
        StepType::Digest,
        StepType::Delay,
        StepType::Throttle,
        StepType::HttpRequest,
    ];

    fn paths(kind: StepType, values: &Value) -> Vec<String> {
        let values = values.as_object().cloned().unwrap_or_default();
        faults(kind, &values).into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn every_type_has_a_schema_and_a_form_of_the_same_properties() {
        for kind in TYPES {
            let schema = data_schema(*kind);
            let variants = schema["anyOf"]
                .as_array()
                .filter(|_| schema.get("properties").is_none());
            let mut known: Vec<&String> = variants
                .into_iter()
                .flatten()
                .chain([&schema])
                .filter_map(|schema| schema["properties"].as_object())
                .flat_map(Map::keys)
                .collect();
            let form = ui_schema(*kind);
            let mut shown: Vec<&String> = form["properties"].as_object().unwrap().keys().collect();
            known.sort();
            known.dedup();
            shown.sort();
            known.retain(|name| *name != "lookBackWindow");
            assert_eq!(known, shown, "{kind}");
        }
    }

    #[test]
    fn values_are_judged_by_the_rules_of_their_type() {
        let cases = [
            (StepType::Chat, json!({ "body": "Hi" }), vec![]),
            (StepType::Chat, json!({ "body": "" }), vec!["body"]),
            (StepType::Chat, json!({ "body": 5 }), vec!["body"]),
            (
                StepType::Chat,
                json!({ "body": "x", "editorType": "html" }),
                vec!["editorType"],
            ),
            (StepType::Chat, json!({ "body": "x", "unknown": 1 }), vec![]),
            (StepType::Sms, json!({}), vec!["body"]),
            (StepType::Push, json!({}), vec!["subject", "body"]),
            (StepType::Email, json!({ "body": "x" }), vec!["subject"]),
            (StepType::Email, json!({ "subject": "x", "layoutId": null }), vec![]),
            (StepType::InApp, json!({}), vec!["subject", "body"]),
            (StepType::InApp, json!({ "subject": "x" }), vec![]),
            (
                StepType::InApp,
                json!({ "body": "x", "redirect": { "url": "not a url", "target": "_self" },
                    "primaryAction": { "label": "x", "redirect": { "url": "mailto:a@b.co" } } }),
                vec!["primaryAction.redirect.url", "redirect.url"],
            ),
            (
                StepType::InApp,
                json!({ "body": "x", "redirect": { "url": "", "target": "_self" } }),
                vec![],
            ),
            (StepType::Digest, json!({}), vec!["amount", "unit"]),
            (StepType::Digest, json!({ "amount": 0, "unit": "days" }), vec!["amount"]),
            (StepType::Digest, json!({ "cron": "0 * * * *" }), vec![]),
            (StepType::Digest, json!({ "type": "timed" }), vec!["cron"]),
            (StepType::Delay, json!({ "type": "regular" }), vec!["amount", "unit"]),
            (StepType::Delay, json!({ "type": "dynamic" }), vec!["dynamicKey"]),
            (
                StepType::Delay,
                json!({ "amount": 1, "unit": "fortnights" }),
                vec!["unit"],
            ),
            (
                StepType::Throttle,
                json!({ "amount": 1, "unit": "seconds" }),
                vec!["unit"],
            ),
            (StepType::Throttle, json!({ "type": "dynamic" }), vec!["dynamicKey"]),
            (StepType::HttpRequest, json!({}), vec!["method", "url"]),
            (
                StepType::HttpRequest,
                json!({ "method": "POST", "url": "https://a.b", "body": [{ "key": "a", "value": "b" }] }),
                vec![],
            ),
            (
                StepType::HttpRequest,
                json!({ "method": "POST", "url": "https://a.b", "headers": [{ "key": "a" }] }),
                vec!["headers.0.value"],
            ),
            (StepType::Custom, json!({ "anything": [1] }), vec![]),
        ];
        for (kind, values, wanted) in cases {
            let mut found = paths(kind, &values);
            found.sort();
            let mut wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
            wanted.sort();
            assert_eq!(found, wanted, "{kind} {values}");
        }
    }

    #[test]
    fn answers_hold_only_what_the_official_clients_can_read() {
        let cases = [
            (StepType::Email, json!({}), json!({ "subject": "", "body": "" })),
            (StepType::Chat, json!({ "body": 5 }), json!({})),
            (
                StepType::Delay,
                json!({ "type": "dynamic", "dynamicKey": "payload.at" }),
                json!({ "dynamicKey": "payload.at" }),
            ),
            (StepType::HttpRequest, json!({}), json!({ "method": "GET", "url": "" })),
            (StepType::Throttle, json!({}), json!({ "type": "fixed" })),
            (StepType::InApp, json!({ "redirect": { "target": "_self" } }), json!({})),
        ];
        for (kind, values, wanted) in cases {
            let found = shown(kind, values.as_object().unwrap());
            assert_eq!(Value::Object(found), wanted, "{kind}");
        }
    }
}
