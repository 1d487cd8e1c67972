//! In-app: what the Inbox shows.

use serde_json::{Map, Value, json};

use super::check::LINK;
use super::{Controls, Fault, form, object};

pub(super) const CONTROLS: Controls = Controls {
    further: subject_or_body,
    ..Controls::plain(
        || {
            let mut schema = schema();
            schema["anyOf"] = json!([{ "required": ["subject"] }, { "required": ["body"] }]);
            schema
        },
        || {
            form(
                "IN_APP",
                &[
                    ("body", "IN_APP_BODY", json!("")),
                    ("avatar", "IN_APP_AVATAR", json!("")),
                    ("subject", "IN_APP_PRIMARY_SUBJECT", json!("")),
                    ("primaryAction", "IN_APP_BUTTON_DROPDOWN", Value::Null),
                    ("secondaryAction", "IN_APP_BUTTON_DROPDOWN", Value::Null),
                    ("redirect", "URL_TEXT_BOX", json!({ "url": "", "target": "_self" })),
                    (
                        "disableOutputSanitization",
                        "IN_APP_DISABLE_SANITIZATION_SWITCH",
                        json!(false),
                    ),
                    ("data", "DATA", Value::Null),
                ],
            )
        },
        |_| schema(),
    )
};

fn schema() -> Value {
    let redirect = json!({
        "type": "object",
        "properties": {
            "url": { "type": "string", "pattern": LINK },
            "target": {
                "type": "string",
                "enum": ["_self", "_blank", "_parent", "_top", "_unfencedTop"],
                "default": "_blank",
            },
        },
        "required": ["url"],
        "additionalProperties": false,
    });
    let action = json!({
        "type": "object",
        "properties": { "label": { "type": "string" }, "redirect": redirect },
        "additionalProperties": false,
    });
    object(
        &json!({
            "subject": { "type": "string", "minLength": 1 },
            "body": { "type": "string", "minLength": 1 },
            "avatar": { "type": "string", "pattern": LINK },
            "primaryAction": action,
            "secondaryAction": action,
            "redirect": redirect,
            "data": {
                "type": "object",
                "maxProperties": 10,
                "additionalProperties": { "type": ["string", "number", "boolean", "null"], "maxLength": 256 },
            },
            "disableOutputSanitization": { "type": "boolean", "default": false },
        }),
        &[],
    )
}

fn subject_or_body(values: &Map<String, Value>, faults: &mut Vec<Fault>) {
    if values.contains_key("subject") || values.contains_key("body") {
        return;
    }
    faults.extend(["subject", "body"].map(|name| Fault {
        path: name.to_owned(),
        text: "Subject or body is required".to_owned(),
    }));
}
