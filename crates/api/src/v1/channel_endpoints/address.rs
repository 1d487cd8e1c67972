//! What the type of an endpoint asks of its address, its integration and its connection (channels.md 1.2.2 and 2.3).

use campanile_model::context::ContextSet;
use campanile_model::{Error, Result};
use campanile_providers::chat::Address;
use serde_json::{Map, Value};

/// An endpoint type that there is.
pub(crate) fn known_kind(kind: &str) -> Option<String> {
    let kinds = Address::kinds();
    (!kinds.contains(&kind)).then(|| format!("must be one of the following values: {}", kinds.join(", ")))
}

/// The endpoint in the API's form, or the text of what is wrong with it.
pub(crate) fn read(kind: &str, endpoint: &Value) -> Result<Value, String> {
    Address::parse(kind, endpoint)
        .map(|address| address.to_json())
        .ok_or_else(|| format!("Endpoint must match the required format for type \"{kind}\""))
}

/// A tool keeps its secret on the endpoint, and takes an integration of its own provider.
struct Tool {
    kind: &'static str,
    provider: &'static str,
    /// The name with its article, for sentences.
    requires: &'static str,
    label: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        kind: "pagerduty_service",
        provider: "pagerduty",
        requires: "a PagerDuty",
        label: "PagerDuty",
    },
    Tool {
        kind: "opsgenie_integration",
        provider: "opsgenie",
        requires: "an Opsgenie",
        label: "Opsgenie",
    },
    Tool {
        kind: "grafana_oncall_integration",
        provider: "grafana-on-call",
        requires: "a Grafana",
        label: "Grafana",
    },
    Tool {
        kind: "tool_webhook",
        provider: "tool-webhook",
        requires: "a Tool webhook",
        label: "Tool webhook",
    },
];

fn tool(kind: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.kind == kind)
}

fn is_webex(kind: &str) -> bool {
    matches!(kind, "webex_room" | "webex_person")
}

/// Whether endpoints of this type are stored without a connection, whatever the caller names.
pub(super) fn ignores_connection(kind: &str) -> bool {
    tool(kind).is_some()
}

/// Refuses an integration of another vendor than a tool's own.
pub(super) fn check_tool(
    kind: &str,
    provider: &str,
    credentials: impl FnOnce() -> Result<Map<String, Value>>,
) -> Result<()> {
    let Some(tool) = tool(kind) else { return Ok(()) };
    if tool.provider != provider {
        return Err(Error::bad_request(format!(
            "Channel endpoint type \"{kind}\" requires {} integration",
            tool.requires
        )));
    }
    let is_dynamic =
        |credentials: &Map<String, Value>| credentials.get("routingMode").and_then(Value::as_str) == Some("dynamic");
    if kind == "tool_webhook" && !is_dynamic(&credentials()?) {
        return Err(Error::bad_request(
            "tool_webhook endpoints require the Tool webhook integration to use dynamic routingMode",
        ));
    }
    Ok(())
}

/// Refuses a Webex endpoint on another vendor's integration or without a connection.
pub(super) fn check_webex(kind: &str, provider: &str, connection: Option<&str>) -> Result<()> {
    if !is_webex(kind) {
        return Ok(());
    }
    let missing = match connection {
        _ if provider != "webex-messaging" => "a Webex Messaging integration",
        None => "a connectionIdentifier",
        Some(_) => return Ok(()),
    };
    Err(Error::bad_request(format!(
        "Channel endpoint type \"{kind}\" requires {missing}"
    )))
}

/// Refuses a Webex endpoint whose contexts are not its connection's.
pub(super) fn check_webex_contexts(
    kind: &str,
    connection_identifier: &str,
    endpoint: &ContextSet,
    connection: &ContextSet,
) -> Result<()> {
    if is_webex(kind) && endpoint != connection {
        return Err(Error::bad_request(format!(
            "Webex endpoint context must match channel connection \"{connection_identifier}\" context"
        )));
    }
    Ok(())
}

/// The refusal of what exists already. For tools the reference answers 409; for people it has no answer but a 500, and
/// a 400 keeps the official clients from repeating the call.
pub(super) fn taken(kind: &str, subscriber: &str, integration: &str, existing: &str) -> Error {
    match tool(kind) {
        Some(tool) => Error::conflict(format!(
            "{} endpoint already exists for subscriber \"{subscriber}\" on integration \"{integration}\"",
            tool.label
        )),
        None => Error::bad_request(format!(
            "A channel endpoint of type \"{kind}\" for the same user already exists on integration \"{integration}\". \
             Endpoint ID: {existing}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(result: Result<()>) -> Option<String> {
        result.err().map(|error| error.message().to_owned())
    }

    fn routing(mode: &str) -> Map<String, Value> {
        Map::from_iter([("routingMode".to_owned(), mode.into())])
    }

    #[test]
    fn tools_take_integrations_of_their_own() {
        let table = [
            ("slack_channel", "discord", "", None),
            ("pagerduty_service", "pagerduty", "", None),
            (
                "pagerduty_service",
                "slack",
                "",
                Some("Channel endpoint type \"pagerduty_service\" requires a PagerDuty integration"),
            ),
            (
                "opsgenie_integration",
                "slack",
                "",
                Some("Channel endpoint type \"opsgenie_integration\" requires an Opsgenie integration"),
            ),
            (
                "grafana_oncall_integration",
                "slack",
                "",
                Some("Channel endpoint type \"grafana_oncall_integration\" requires a Grafana integration"),
            ),
            (
                "tool_webhook",
                "slack",
                "dynamic",
                Some("Channel endpoint type \"tool_webhook\" requires a Tool webhook integration"),
            ),
            (
                "tool_webhook",
                "tool-webhook",
                "static",
                Some("tool_webhook endpoints require the Tool webhook integration to use dynamic routingMode"),
            ),
            ("tool_webhook", "tool-webhook", "dynamic", None),
        ];
        for (kind, provider, mode, expected) in table {
            let got = message(check_tool(kind, provider, || Ok(routing(mode))));
            assert_eq!(got.as_deref(), expected, "{kind} {provider}");
        }
    }

    #[test]
    fn webex_needs_its_own_integration_and_a_connection() {
        let table = [
            ("slack_user", "slack", None, None),
            (
                "webex_room",
                "slack",
                None,
                Some("Channel endpoint type \"webex_room\" requires a Webex Messaging integration"),
            ),
            (
                "webex_person",
                "webex-messaging",
                None,
                Some("Channel endpoint type \"webex_person\" requires a connectionIdentifier"),
            ),
            ("webex_person", "webex-messaging", Some("c"), None),
        ];
        for (kind, provider, connection, expected) in table {
            let got = message(check_webex(kind, provider, connection));
            assert_eq!(got.as_deref(), expected, "{kind} {provider}");
        }
        let (none, some) = (ContextSet::default(), ContextSet::new(["tenant:a".to_owned()]));
        assert!(check_webex_contexts("slack_user", "c", &none, &some).is_ok());
        assert!(check_webex_contexts("webex_room", "c", &some, &some).is_ok());
        assert_eq!(
            message(check_webex_contexts("webex_room", "c", &none, &some)).as_deref(),
            Some("Webex endpoint context must match channel connection \"c\" context")
        );
    }

    #[test]
    fn a_refusal_names_what_exists() {
        let tool = taken("opsgenie_integration", "ann", "ops", "e1");
        assert_eq!(
            tool.message(),
            "Opsgenie endpoint already exists for subscriber \"ann\" on integration \"ops\""
        );
        assert!(taken("slack_user", "ann", "slack", "e1").message().contains("e1"));
    }

    #[test]
    fn an_endpoint_fits_its_type() {
        assert_eq!(
            read("slack_user", &json!({ "userId": "U1" })),
            Ok(json!({ "userId": "U1" }))
        );
        assert_eq!(
            read("slack_user", &json!({ "channelId": "C1" })),
            Err("Endpoint must match the required format for type \"slack_user\"".to_owned())
        );
    }
}
