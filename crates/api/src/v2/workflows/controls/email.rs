//! E-mail: a subject, and a body as HTML or as the block editor's document.

use serde_json::{Value, json};

use super::{Controls, form, object};

pub(super) const CONTROLS: Controls = Controls {
    complete: |values| {
        for name in ["subject", "body"] {
            values.entry(name).or_insert_with(|| json!(""));
        }
    },
    ..Controls::plain(
        schema,
        || {
            form(
                "EMAIL",
                &[
                    ("body", "EMAIL_BODY", json!("")),
                    ("editorType", "EMAIL_EDITOR_SELECT", json!("block")),
                    ("subject", "TEXT_INLINE_LABEL", json!("")),
                    ("layoutId", "LAYOUT_SELECT", Value::Null),
                    ("disableOutputSanitization", "DISABLE_SANITIZATION_SWITCH", json!(false)),
                ],
            )
        },
        |_| schema(),
    )
};

fn schema() -> Value {
    object(
        &json!({
            "subject": { "type": "string", "minLength": 1 },
            "body": { "type": "string", "default": "" },
            "editorType": { "type": "string", "enum": ["block", "html"], "default": "block" },
            "layoutId": { "type": ["string", "null"] },
            "disableOutputSanitization": { "type": "boolean", "default": false },
        }),
        &["subject"],
    )
}
