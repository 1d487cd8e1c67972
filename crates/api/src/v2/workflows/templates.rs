//! Where the control values of a step hold templates: in every text, and in the nodes of the block editor's document.

use serde_json::{Map, Value};

/// A text that is rendered, or a path that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A Liquid template.
    Template(String),
    /// The path of a variable, as the block editor keeps it.
    Path(String),
}

/// A piece and the path of the control that holds it, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) piece: Piece,
}

/// All pieces of these values. Conditions are no templates, and a schema of an answer is none either.
pub(super) fn find(values: &Map<String, Value>) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, value) in values {
        if name != "skip" && name != "responseBodySchema" {
            walk(name, value, &mut found);
        }
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<Found>) {
    match value {
        Value::String(text) => match document(text) {
            Some(document) => node(path, &document, found),
            None => push(path, text, Piece::Template, found),
        },
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{path}.{index}"), item, found);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                walk(&format!("{path}.{name}"), value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn push(path: &str, text: &str, piece: impl Fn(String) -> Piece, found: &mut Vec<Found>) {
    if !text.is_empty() {
        found.push(Found {
            path: path.to_owned(),
            piece: piece(text.to_owned()),
        });
    }
}

/// The block editor's document, if the text is one.
fn document(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    (value["type"] == "doc").then_some(value)
}

/// The texts of a document, and the variables that its nodes name in their attributes.
fn node(path: &str, value: &Value, found: &mut Vec<Found>) {
    let Value::Object(members) = value else { return };
    if let Some(Value::String(text)) = members.get("text") {
        push(path, text, Piece::Template, found);
    }
    if let Some(Value::Object(attributes)) = members.get("attrs") {
        for (name, value) in attributes {
            let Value::String(text) = value else { continue };
            match name.as_str() {
                "id" if value_is(members, "variable") => push(path, text, Piece::Path, found),
                "each" | "showIfKey" => push(path, text, Piece::Path, found),
                _ if text.contains("{{") => push(path, text, Piece::Template, found),
                _ => {}
            }
        }
    }
    for list in ["content", "marks"] {
        for child in members.get(list).and_then(Value::as_array).into_iter().flatten() {
            node(path, child, found);
        }
    }
}

fn value_is(members: &Map<String, Value>, kind: &str) -> bool {
    members.get("type").and_then(Value::as_str) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_found_with_their_paths_and_documents_are_opened() {
        let document = json!({ "type": "doc", "content": [
            { "type": "paragraph", "content": [
                { "type": "text", "text": "Hi {{payload.a}}" },
                { "type": "variable", "attrs": { "id": "payload.b", "fallback": null } },
            ] },
            { "type": "repeat", "attrs": { "each": "payload.items" } },
        ] });
        let values = json!({
            "subject": "x",
            "body": document.to_string(),
            "redirect": { "url": "/y" },
            "headers": [{ "key": "k", "value": "v" }],
            "skip": { "==": ["a", "b"] },
        });
        let found: Vec<(String, Piece)> = find(values.as_object().unwrap())
            .into_iter()
            .map(|found| (found.path, found.piece))
            .collect();
        let template = |text: &str| Piece::Template(text.to_owned());
        let path = |text: &str| Piece::Path(text.to_owned());
        let wanted = [
            ("subject", template("x")),
            ("body", template("Hi {{payload.a}}")),
            ("body", path("payload.b")),
            ("body", path("payload.items")),
            ("redirect.url", template("/y")),
            ("headers.0.key", template("k")),
            ("headers.0.value", template("v")),
        ];
        assert_eq!(found, wanted.map(|(at, piece)| (at.to_owned(), piece)));
    }
}
