//! Digest: collect for a while, or until the next time of a schedule.

use serde_json::{Map, Value, json};

use super::{Controls, UNITS, form, object};

pub(super) const CONTROLS: Controls = Controls::plain(
    || json!({ "anyOf": [regular(), timed()] }),
    || {
        form(
            "DIGEST",
            &[
                ("amount", "DIGEST_AMOUNT", json!("")),
                ("unit", "DIGEST_UNIT", json!("seconds")),
                ("type", "DIGEST_TYPE", json!("regular")),
                ("digestKey", "DIGEST_KEY", json!("")),
                ("cron", "DIGEST_CRON", json!("")),
                ("extendToSchedule", "EXTEND_TO_SCHEDULE", json!(false)),
            ],
        )
    },
    variant,
);

fn variant(values: &Map<String, Value>) -> Value {
    let is_timed = match values.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "timed",
        None => values.contains_key("cron"),
    };
    if is_timed { timed() } else { regular() }
}

fn regular() -> Value {
    object(
        &json!({
            "type": { "type": "string", "enum": ["regular"] },
            "amount": { "type": "number", "minimum": 1 },
            "unit": { "type": "string", "enum": UNITS },
            "digestKey": { "type": "string" },
            "extendToSchedule": { "type": "boolean" },
            "lookBackWindow": {
                "type": "object",
                "properties": {
                    "amount": { "type": "number", "minimum": 1 },
                    "unit": { "type": "string", "enum": UNITS },
                },
                "required": ["amount", "unit"],
                "additionalProperties": false,
            },
        }),
        &["amount", "unit"],
    )
}

fn timed() -> Value {
    object(
        &json!({
            "type": { "type": "string", "enum": ["timed"] },
            "cron": { "type": "string", "minLength": 1 },
            "digestKey": { "type": "string" },
            "extendToSchedule": { "type": "boolean" },
        }),
        &["cron"],
    )
}
