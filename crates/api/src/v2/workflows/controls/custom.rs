//! Custom steps are written in code: anything goes.

use serde_json::{Value, json};

use super::Controls;

pub(super) const CONTROLS: Controls = Controls::plain(schema, || json!({ "properties": {} }), |_| schema());

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "custom": { "type": "object", "additionalProperties": true } },
        "additionalProperties": true,
    })
}
