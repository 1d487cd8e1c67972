//! Reading a block.

use serde_json::{Map, Value};

/// The blocks inside a block.
pub(crate) fn children(node: &Value) -> &[Value] {
    node.get("content").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What kind of block it is.
pub(crate) fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// An attribute; null counts as absent.
pub(crate) fn attribute<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    node.get("attrs")?.get(name).filter(|value| !value.is_null())
}

/// A text attribute that is not empty.
pub(crate) fn text<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    attribute(node, name)?.as_str().filter(|text| !text.is_empty())
}

/// The attributes, to be changed.
pub(crate) fn attributes_mut(node: &mut Value) -> Option<&mut Map<String, Value>> {
    node.get_mut("attrs")?.as_object_mut()
}

/// Whether a flag is set.
pub(crate) fn is_set(node: &Value, flag: &str) -> bool {
    match attribute(node, flag) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

/// A number, given as one or as a text that begins with one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let digits: String = text
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.' || *c == '-')
                .collect();
            digits.parse().ok()
        }
        _ => None,
    }
}
