//! Throttle: let so many through in a window.

use serde_json::{Map, Value, json};

use super::{Controls, Fault, form, object};

const INCOMPLETE: &str = "Fixed throttle requires 'amount' and 'unit', dynamic throttle requires 'dynamicKey'";

pub(super) const CONTROLS: Controls = Controls {
    further: window,
    complete: |values| {
        values.entry("type").or_insert_with(|| json!("fixed"));
    },
    ..Controls::plain(
        schema,
        || {
            form(
                "THROTTLE",
                &[
                    ("type", "THROTTLE_TYPE", json!("fixed")),
                    ("amount", "THROTTLE_WINDOW", json!("")),
                    ("unit", "THROTTLE_UNIT", json!("minutes")),
                    ("dynamicKey", "THROTTLE_DYNAMIC_KEY", json!("")),
                    ("threshold", "THROTTLE_THRESHOLD", json!(1)),
                    ("throttleKey", "THROTTLE_KEY", json!("")),
                ],
            )
        },
        |_| schema(),
    )
};

fn schema() -> Value {
    object(
        &json!({
            "type": { "type": "string", "enum": ["fixed", "dynamic"], "default": "fixed" },
            "amount": { "type": "number", "minimum": 1 },
            "unit": { "type": "string", "enum": ["minutes", "hours", "days"] },
            "dynamicKey": { "type": "string" },
            "threshold": { "type": "number", "minimum": 1, "default": 1 },
            "throttleKey": { "type": "string" },
        }),
        &[],
    )
}

fn window(values: &Map<String, Value>, faults: &mut Vec<Fault>) {
    let is_dynamic = values.get("type").and_then(Value::as_str) == Some("dynamic");
    let needed: &[&str] = if is_dynamic {
        &["dynamicKey"]
    } else {
        &["amount", "unit"]
    };
    for name in needed.iter().filter(|name| !values.contains_key(**name)) {
        faults.push(Fault {
            path: (*name).to_owned(),
            text: INCOMPLETE.to_owned(),
        });
    }
}
