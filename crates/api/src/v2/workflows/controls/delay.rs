//! Delay: wait for a while, until the next time of a schedule, or until a time in the payload.

use serde_json::{Map, Value, json};

use super::{Controls, UNITS, form, object};

pub(super) const CONTROLS: Controls = Controls {
    complete,
    ..Controls::plain(
        || json!({ "anyOf": [regular(), timed(), dynamic()] }),
        || {
            form(
                "DELAY",
                &[
                    ("amount", "DELAY_AMOUNT", json!("")),
                    ("unit", "DELAY_UNIT", json!("seconds")),
                    ("type", "DELAY_TYPE", json!("regular")),
                    ("cron", "DELAY_CRON", json!("")),
                    ("dynamicKey", "DELAY_DYNAMIC_KEY", json!("")),
                    ("extendToSchedule", "EXTEND_TO_SCHEDULE", json!(false)),
                ],
            )
        },
        variant,
    )
};

fn variant(values: &Map<String, Value>) -> Value {
    match values.get("type").and_then(Value::as_str) {
        Some("timed") => timed(),
        Some("dynamic") => dynamic(),
        Some(_) => regular(),
        None if values.contains_key("cron") => timed(),
        // Answers leave the type of these out, because the official clients do not know it: sent back, it is known
        // by its key.
        None if values.contains_key("dynamicKey") => dynamic(),
        None => regular(),
    }
}

/// The official clients refuse any other type than these two.
fn complete(values: &mut Map<String, Value>) {
    match values.get("type").and_then(Value::as_str) {
        Some("regular" | "timed") => {}
        Some(_) => drop(values.shift_remove("type")),
        None if values.contains_key("dynamicKey") => {}
        None => {
            let kind = if values.contains_key("cron") {
                "timed"
            } else {
                "regular"
            };
            values.insert("type".to_owned(), json!(kind));
        }
    }
}

fn of(kind: &str, own: &Value, required: &[&str]) -> Value {
    let mut properties = own.clone();
    properties["type"] = json!({ "type": "string", "enum": [kind] });
    properties["extendToSchedule"] = json!({ "type": "boolean" });
    object(&properties, required)
}

fn regular() -> Value {
    of(
        "regular",
        &json!({
            "amount": { "type": "number", "minimum": 1 },
            "unit": { "type": "string", "enum": UNITS },
        }),
        &["amount", "unit"],
    )
}

fn timed() -> Value {
    of(
        "timed",
        &json!({ "cron": { "type": "string", "minLength": 1 } }),
        &["cron"],
    )
}

fn dynamic() -> Value {
    of(
        "dynamic",
        &json!({ "dynamicKey": { "type": "string", "minLength": 1 } }),
        &["dynamicKey"],
    )
}
