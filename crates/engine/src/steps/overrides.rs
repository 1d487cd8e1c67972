//! What a trigger overrides for one provider (engine.md a.4). Values in, values out.

use serde_json::{Map, Value, json};

use crate::json::merge;

/// `overrides.providers.<id>` with `overrides.steps.<step>.providers.<id>` on top.
pub(super) fn of_provider(overrides: &Value, step_id: &str, provider_id: &str) -> Value {
    let mut merged = json!({});
    let layers = [
        overrides
            .get("providers")
            .and_then(|providers| providers.get(provider_id)),
        overrides
            .get("steps")
            .and_then(|steps| steps.get(step_id))
            .and_then(|step| step.get("providers"))
            .and_then(|providers| providers.get(provider_id)),
    ];
    for layer in layers.into_iter().flatten().filter(|layer| layer.is_object()) {
        merge(&mut merged, layer);
    }
    merged
}

/// `overrides.<channel>` with `overrides.<id>` on top: the older way.
pub(super) fn of_channel(overrides: &Value, channel: &str, provider_id: &str) -> Value {
    let mut merged = json!({});
    for layer in [channel, provider_id] {
        if let Some(layer) = overrides.get(layer).filter(|layer| layer.is_object()) {
            merge(&mut merged, layer);
        }
    }
    merged
}

/// Both as a message keeps them; nothing when nothing is overridden.
pub(super) fn kept(provider: &Value, custom: &Value) -> Value {
    let empty = |value: &Value| value.as_object().is_none_or(Map::is_empty);
    if empty(provider) && empty(custom) {
        return json!({});
    }
    json!({ "provider": provider, "custom": custom })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_wins_over_the_workflow_key_by_key() {
        let overrides = json!({
            "providers": { "sendgrid": { "a": 1, "b": { "c": 1, "d": [1, 2] } }, "ses": { "x": 1 } },
            "steps": {
                "mail": { "providers": { "sendgrid": { "b": { "c": 2, "d": [] } } } },
                "other": { "providers": { "sendgrid": { "a": 9 } } },
            },
            "email": { "to": ["a"], "from": "f" },
            "sendgrid": { "from": "g" },
        });
        let provider = of_provider(&overrides, "mail", "sendgrid");
        assert_eq!(provider, json!({ "a": 1, "b": { "c": 2, "d": [] } }));
        let custom = of_channel(&overrides, "email", "sendgrid");
        assert_eq!(custom, json!({ "to": ["a"], "from": "g" }));
        assert_eq!(kept(&json!({}), &json!({})), json!({}));
    }
}
