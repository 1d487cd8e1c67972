//! HTTP request: call an address, and use what it answers in later steps.

use serde_json::{Value, json};

use super::{Controls, form, object};

pub(super) const CONTROLS: Controls = Controls {
    complete: |values| {
        values.entry("method").or_insert_with(|| json!("GET"));
        values.entry("url").or_insert_with(|| json!(""));
    },
    ..Controls::plain(
        schema,
        || {
            form(
                "HTTP_REQUEST",
                &[
                    ("method", "DESTINATION_METHOD", json!("GET")),
                    ("url", "DESTINATION_URL", json!("")),
                    ("headers", "DESTINATION_HEADERS", json!([])),
                    ("body", "DESTINATION_BODY", json!("")),
                    ("responseBodySchema", "DESTINATION_RESPONSE_BODY_SCHEMA", Value::Null),
                    (
                        "enforceSchemaValidation",
                        "DESTINATION_ENFORCE_SCHEMA_VALIDATION",
                        json!(false),
                    ),
                    ("continueOnFailure", "DESTINATION_CONTINUE_ON_FAILURE", json!(false)),
                ],
            )
        },
        |_| schema(),
    )
};

fn schema() -> Value {
    let pairs = json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": { "key": { "type": "string" }, "value": { "type": "string" } },
            "required": ["key", "value"],
            "additionalProperties": false,
        },
    });
    object(
        &json!({
            "method": { "type": "string", "enum": ["GET", "POST", "PUT", "DELETE", "PATCH"] },
            "url": { "type": "string", "minLength": 1 },
            "headers": pairs,
            "body": { "anyOf": [{ "type": "string" }, pairs] },
            "responseBodySchema": { "type": "object", "additionalProperties": true },
            "enforceSchemaValidation": { "type": "boolean" },
            "continueOnFailure": { "type": "boolean" },
        }),
        &["method", "url"],
    )
}
