//! Laying provider overrides over a request's body.

use serde_json::{Map, Value};

use super::ChatDelivery;
use crate::{
    outcome::{Failure, Level},
    transport::{Request, Secretish},
};

/// The member that is merged last and left as it is.
const PASSTHROUGH: &str = "_passthrough";

/// Headers that belong to the connection and not to the message.
const CONNECTION_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "expect",
];

/// How a provider's keys are converted: the wire name of a key that callers may write in camel case.
pub(super) type Rename = fn(&str) -> Option<String>;

/// No conversion.
pub(super) fn as_is(_: &str) -> Option<String> {
    None
}

/// `base`, then the overrides with converted keys, then `_passthrough.body` as it is.
pub(super) fn body(mut base: Value, delivery: &ChatDelivery<'_>, rename: Rename) -> Value {
    if let Value::Object(overrides) = delivery.overrides {
        let mut converted = Map::new();
        for (name, value) in overrides.iter().filter(|(name, _)| *name != PASSTHROUGH) {
            converted.insert(
                rename(name).unwrap_or_else(|| name.clone()),
                convert(name, value, rename),
            );
        }
        merge(&mut base, &Value::Object(converted));
    }
    if let Some(body) = passthrough(delivery, "body").filter(|body| body.is_object()) {
        merge(&mut base, body);
    }
    base
}

/// Adds `_passthrough.headers` and `_passthrough.query` to a request.
pub(super) fn apply(request: &mut Request, delivery: &ChatDelivery<'_>) -> Result<(), Failure> {
    if let Some(Value::Object(query)) = passthrough(delivery, "query") {
        let kept: Vec<(String, String)> = request
            .url
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| !query.contains_key(name))
            .collect();
        let mut pairs = request.url.query_pairs_mut();
        pairs.clear().extend_pairs(kept);
        for (name, value) in query {
            for value in each(value) {
                pairs.append_pair(name, &value);
            }
        }
    }
    if request.url.query() == Some("") {
        request.url.set_query(None);
    }
    if let Some(Value::Object(headers)) = passthrough(delivery, "headers") {
        for (name, value) in headers {
            if CONNECTION_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                continue;
            }
            // A caller's header may be a credential: nothing tells, so it is never shown.
            request.set_header(name, Secretish::Secret(each(value).join(", ")));
        }
    }
    match request.invalid_header() {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            Level::Message,
            "invalid_header",
            format!(
                "The header `{}` has a name or value that HTTP does not allow.",
                name.escape_default()
            ),
        )),
    }
}

/// Objects are merged member by member; everything else, arrays included, is replaced.
pub(super) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// Lays the members of `custom` over `base` without looking into them.
pub(super) fn spread(base: &mut Map<String, Value>, custom: &Value) {
    if let Value::Object(custom) = custom {
        base.extend(custom.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

/// `camelCase` as `snake_case`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, character) in name.chars().enumerate() {
        if character.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn passthrough<'a>(delivery: &ChatDelivery<'a>, part: &str) -> Option<&'a Value> {
    delivery.overrides.get(PASSTHROUGH)?.get(part)
}

fn convert(parent: &str, value: &Value, rename: Rename) -> Value {
    match value {
        // The caller's own data inside Slack's message metadata.
        _ if matches!(parent, "event_payload" | "eventPayload") => value.clone(),
        Value::Array(items) => items.iter().map(|item| convert(parent, item, rename)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    (
                        rename(name).unwrap_or_else(|| name.clone()),
                        convert(name, value, rename),
                    )
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A scalar as text, an array as several.
fn each(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(each).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_merge_and_arrays_replace() {
        let mut base = json!({ "a": { "b": 1, "c": [1, 2] }, "d": 1 });
        merge(&mut base, &json!({ "a": { "c": [3], "e": null }, "d": { "f": 1 } }));
        assert_eq!(base, json!({ "a": { "b": 1, "c": [3], "e": null }, "d": { "f": 1 } }));
    }

    #[test]
    fn camel_case_becomes_snake_case() {
        for (camel, snake) in [
            ("threadTs", "thread_ts"),
            ("text", "text"),
            ("unfurl_links", "unfurl_links"),
            ("Ab", "ab"),
        ] {
            assert_eq!(snake_case(camel), snake);
        }
    }
}
