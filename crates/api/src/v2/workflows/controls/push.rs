//! Push: a title and a text.

use serde_json::{Value, json};

use super::{Controls, form, object};

pub(super) const CONTROLS: Controls = Controls::plain(
    schema,
    || {
        form(
            "PUSH",
            &[("subject", "PUSH_SUBJECT", json!("")), ("body", "PUSH_BODY", json!(""))],
        )
    },
    |_| schema(),
);

fn schema() -> Value {
    object(
        &json!({ "subject": { "type": "string" }, "body": { "type": "string" } }),
        &["subject", "body"],
    )
}
