//! What layouts are told, and what is wrong with it.

use campanile_email::{has_content_slot, is_document, is_whole_page};
use campanile_model::{Error, Result};
use serde_json::{Map, Value, json};

use crate::{choices, dto};

choices! {
    /// How a body is written.
    EditorType {
        Block = "block",
        Html = "html",
    }
}

dto! {
    /// The body of a layout.
    EmailControls {
        /// HTML, or a document of blocks as JSON; it holds the variable `content`.
        required body: String = "body";
        required editor: EditorType = "editorType";
    }
}

dto! {
    /// What a layout is told.
    LayoutControlValues {
        optional email: EmailControls = "email";
    }
}

/// The controls of a new layout: an empty document in which only the content stands.
pub(super) fn preset() -> Map<String, Value> {
    let body = json!({
        "type": "doc",
        "content": [{
            "type": "paragraph",
            "attrs": { "textAlign": null, "showIfKey": null },
            "content": [{ "type": "variable", "attrs": { "id": "content", "label": null, "fallback": null, "required": false } }],
        }],
    });
    Map::from_iter([(
        "email".to_owned(),
        json!({ "body": body.to_string(), "editorType": "block" }),
    )])
}

/// The controls as they are stored, or a refusal that says what is wrong.
pub(super) fn checked(given: &LayoutControlValues) -> Result<Map<String, Value>> {
    let Some(email) = &given.email else {
        return Ok(Map::new());
    };
    let editor = match email.editor {
        EditorType::Block if !is_document(&email.body) => {
            return Err(refused("Content must be a valid Maily JSON content"));
        }
        EditorType::Html if !is_whole_page(&email.body) => {
            return Err(refused("Content must be a valid HTML content"));
        }
        EditorType::Block => "block",
        EditorType::Html => "html",
    };
    if !has_content_slot(&email.body) {
        return Err(refused("The layout body should contain the \"content\" variable"));
    }
    Ok(Map::from_iter([(
        "email".to_owned(),
        json!({ "body": email.body, "editorType": editor }),
    )]))
}

fn refused(text: &str) -> Error {
    let issue = json!({ "issueType": "MISSING_VALUE", "message": text, "variableName": "email.body" });
    Error::bad_request(text).with("controls", json!({ "email.body": [issue] }))
}

/// The JSON schema of what layouts are told.
pub(super) fn data_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "email": {
                "type": "object",
                "properties": {
                    "body": { "type": "string", "minLength": 1 },
                    "editorType": { "type": "string", "enum": ["block", "html"], "default": "block" },
                },
                "required": ["body"],
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

/// How the dashboard shows it.
pub(super) fn ui_schema() -> Value {
    json!({
        "group": "LAYOUT",
        "properties": {
            "email": {
                "component": "LAYOUT_EMAIL",
                "properties": {
                    "body": { "component": "EMAIL_BODY", "placeholder": "" },
                    "editorType": { "component": "EMAIL_EDITOR_SELECT", "placeholder": "block" },
                },
            },
        },
    })
}
