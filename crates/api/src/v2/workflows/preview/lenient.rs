//! Controls as far as they can be read: what is being typed does not keep the rest from being shown.

use campanile_liquid::Template;
use serde_json::{Map, Value};

/// The controls without the outputs that are no template. A text that is none for another reason stays, and is
/// reported when it is rendered.
pub(super) fn readable(controls: &Map<String, Value>) -> Map<String, Value> {
    controls
        .iter()
        .map(|(name, value)| (name.clone(), cleaned(value)))
        .collect()
}

fn cleaned(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains("{{") && Template::parse(text).is_err() => without_faults(text).into(),
        Value::Array(items) => items.iter().map(cleaned).collect(),
        Value::Object(members) => Value::Object(readable(members)),
        other => other.clone(),
    }
}

fn without_faults(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").map_or(rest.len(), |length| start + length + 2);
        let (before, output) = (&rest[..start], &rest[start..end]);
        kept.push_str(before);
        if Template::parse(output).is_ok() {
            kept.push_str(output);
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_cannot_be_read_is_left_out() {
        let controls =
            json!({ "body": "Hi {{ payload.a !! }}, {{ payload.b }} and {{ payload.c", "n": [1, "{{ x }}"] });
        let wanted = json!({ "body": "Hi , {{ payload.b }} and ", "n": [1, "{{ x }}"] });
        assert_eq!(Value::Object(readable(controls.as_object().unwrap())), wanted);
    }
}
