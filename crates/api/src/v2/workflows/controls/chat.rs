//! Chat: a text, or a card as JSON.

use serde_json::{Value, json};

use super::{Controls, form, object};

pub(super) const CONTROLS: Controls = Controls::plain(
    schema,
    || {
        form(
            "CHAT",
            &[
                ("body", "CHAT_BODY", json!("")),
                ("editorType", "CHAT_EDITOR_SELECT", json!("text")),
            ],
        )
    },
    |_| schema(),
);

fn schema() -> Value {
    object(
        &json!({
            "body": { "type": "string" },
            "editorType": { "type": "string", "enum": ["block", "text"] },
        }),
        &["body"],
    )
}
