//! Checks of values against the data schemas of this folder: the part of JSON Schema that they use.

use serde_json::{Map, Value};

/// The pattern of links; its meaning is [`is_link`].
pub(super) const LINK: &str = r"^(https?:\/\/[^\s\/$.?#][^\s]*|\/[^\s]*|\{\{.*\}\}.*)$";

const NOT_A_LINK: &str = "Invalid URL. Must be a valid full URL, path starting with /, or {{variable}}";

/// What is wrong at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::v2::workflows) struct Fault {
    /// Names joined by dots.
    pub(in crate::v2::workflows) path: String,
    /// What is wrong.
    pub(in crate::v2::workflows) text: String,
}

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Types, closed lists and required members: what decides whether a client can read the value.
    Form,
    /// Everything.
    Full,
}

/// Adds what is wrong with the value.
pub(super) fn check(schema: &Value, value: &Value, path: &str, depth: Depth, faults: &mut Vec<Fault>) {
    let mut add = |text: String| {
        faults.push(Fault {
            path: path.to_owned(),
            text,
        });
    };
    if let Some(kinds) = schema.get("type")
        && !has_type(kinds, value)
    {
        add(format!("must be {}", type_names(kinds)));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        add("must be equal to one of the allowed values".to_owned());
        return;
    }
    // Only members have alternatives here; those of a whole step are its variants.
    if let Some(alternatives) = schema["anyOf"].as_array()
        && schema.get("properties").is_none()
    {
        let fits = alternatives.iter().any(|schema| {
            let mut faults = Vec::new();
            check(schema, value, path, depth, &mut faults);
            faults.is_empty()
        });
        if !fits {
            add("must match one of the allowed forms".to_owned());
        }
        return;
    }
    match value {
        Value::String(text) if depth == Depth::Full => {
            if let Some(fault) = text_fault(schema, text, path) {
                add(fault);
            }
        }
        Value::Number(number) if depth == Depth::Full => {
            if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), number.as_f64())
                && number < least
            {
                add(format!("must be >= {least}"));
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(schema, item, &join(path, &index.to_string()), depth, faults);
                }
            }
        }
        Value::Object(members) => members_check(schema, members, path, depth, faults),
        _ => {}
    }
}

fn members_check(schema: &Value, members: &Map<String, Value>, path: &str, depth: Depth, faults: &mut Vec<Fault>) {
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !members.contains_key(name) {
            faults.push(Fault {
                path: join(path, name),
                text: is_required(name),
            });
        }
    }
    if depth == Depth::Full
        && let Some(most) = schema["maxProperties"].as_u64()
        && u64::try_from(members.len()).is_ok_and(|count| count > most)
    {
        faults.push(Fault {
            path: path.to_owned(),
            text: format!("must NOT have more than {most} properties"),
        });
    }
    for (name, value) in members {
        let known = schema["properties"].get(name.as_str());
        if let Some(schema) = known.or_else(|| schema.get("additionalProperties").filter(|other| other.is_object())) {
            check(schema, value, &join(path, name), depth, faults);
        }
    }
}

fn text_fault(schema: &Value, text: &str, path: &str) -> Option<String> {
    let count = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if schema["minLength"].as_u64().is_some_and(|least| count < least) {
        return Some(is_required(path.rsplit('.').next().unwrap_or(path)));
    }
    if let Some(most) = schema["maxLength"].as_u64()
        && count > most
    {
        return Some(format!("must NOT have more than {most} characters"));
    }
    (schema["pattern"] == LINK && !is_link(text)).then(|| NOT_A_LINK.to_owned())
}

fn has_type(kinds: &Value, value: &Value) -> bool {
    match kinds {
        Value::Array(kinds) => kinds.iter().any(|kind| has_type(kind, value)),
        kind => match kind.as_str().unwrap_or_default() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            _ => true,
        },
    }
}

fn type_names(kinds: &Value) -> String {
    match kinds {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        kind => kind.as_str().unwrap_or_default().to_owned(),
    }
}

/// `Subject is required`.
fn is_required(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{} is required", letters.as_str())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A full web address, a path of the same site, or a text that begins with a variable.
fn is_link(text: &str) -> bool {
    if text.starts_with("{{") {
        return text.contains("}}");
    }
    let fixed = without_outputs(text);
    if fixed.contains(char::is_whitespace) {
        return false;
    }
    match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        Some(rest) => rest.starts_with(|c: char| !c.is_whitespace() && !"/$.?#".contains(c)),
        None => text.starts_with('/'),
    }
}

/// The text without its `{{…}}`, which may hold blanks.
fn without_outputs(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_full_addresses_paths_or_variables() {
        for good in [
            "https://example.com",
            "http://example.com/a?b={{ payload.x | upcase }}",
            "https://{{payload.host}}/x",
            "/orders/{{ payload.id }}",
            "/",
            "{{payload.url}}",
            "{{ payload.url }}/x",
        ] {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "example.com",
            "mailto:a@b.co",
            "https://",
            "https:///x",
            "ftp://a.b",
            "/a b",
            "{{x",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
