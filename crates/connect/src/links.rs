//! Linking a person of a vendor's to a subscriber: an endpoint that is made once, however often the person links.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Result};
use campanile_store::endpoints::NewEndpoint;
use campanile_store::integrations::Integration;
use campanile_store::secrets::random_word;
use campanile_store::subscribers::Subscriber;
use campanile_store::{Batch, Store};
use serde_json::Value;

/// Who is linked to whom.
pub(crate) struct Link<'a> {
    pub(crate) integration: &'a Integration,
    /// The connection whose token delivers, by our id and the caller's.
    pub(crate) connection: Option<(Id, String)>,
    pub(crate) subscriber: &'a Subscriber,
    pub(crate) contexts: &'a ContextSet,
    /// The endpoint type.
    pub(crate) kind: &'static str,
    pub(crate) address: &'a Value,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// The endpoint is there, now or since an earlier time.
    Yes,
    /// The person is another endpoint on this integration, which is left alone.
    Taken,
}

/// What may exist only once on an integration: a person of the vendor's, who is one subscriber, and a subscriber's
/// secret for a tool. Everything else may repeat.
pub fn unique(kind: &str, address: &Value, subscriber: Id) -> Option<String> {
    match kind {
        "slack_user" | "ms_teams_user" => {
            let user = address.get("userId").and_then(Value::as_str)?;
            Some(format!("{kind}/{user}"))
        }
        "pagerduty_service" | "opsgenie_integration" | "grafana_oncall_integration" => {
            Some(format!("{kind}/{subscriber}"))
        }
        _ => None,
    }
}

/// Adds the endpoint, or hangs the one that is there on the connection. See
/// [`lost_race`](campanile_store::endpoints::lost_race) for how the commit may fail.
pub(crate) async fn add(store: &Store, batch: &mut Batch, ctx: &Ctx, link: &Link<'_>) -> Result<Linked> {
    let theirs = store
        .endpoints_of(ctx, vec![link.subscriber.id], &link.contexts.stored())
        .await?;
    for endpoint in theirs {
        let same = endpoint.integration_id == link.integration.id && endpoint.kind == link.kind;
        if same && store.open_address(&endpoint)? == *link.address {
            let connection = link.connection.clone();
            store.relink_endpoint(batch, ctx, &endpoint, connection);
            store.audit(batch, ctx, "endpoint.relink", endpoint.id);
            return Ok(Linked::Yes);
        }
    }
    let unique = unique(link.kind, link.address, link.subscriber.id);
    if let Some(unique) = &unique
        && store
            .endpoint_with_address(ctx, link.integration.id, unique)
            .await?
            .is_some()
    {
        return Ok(Linked::Taken);
    }
    let new = NewEndpoint {
        identifier: format!("chendp_{}", random_word(12)?),
        integration: link.integration,
        connection: link.connection.clone(),
        subscriber: link.subscriber,
        subscriber_is_new: false,
        contexts: link.contexts.clone(),
        kind: link.kind,
        address: link.address,
        unique: unique.as_deref(),
    };
    let endpoint = store.create_endpoint(batch, ctx, new)?;
    store.audit(batch, ctx, "endpoint.create", endpoint.id);
    Ok(Linked::Yes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_and_tool_secrets_exist_once() {
        let subscriber = Id::from_bytes([7; 12]);
        let table = [
            (
                "slack_user",
                json!({ "userId": "U1" }),
                Some("slack_user/U1".to_owned()),
            ),
            (
                "ms_teams_user",
                json!({ "userId": "" }),
                Some("ms_teams_user/".to_owned()),
            ),
            ("line_user", json!({ "userId": "U1" }), None),
            ("slack_channel", json!({ "channelId": "C1" }), None),
            ("webhook", json!({ "url": "https://a" }), None),
            ("tool_webhook", json!({ "url": "https://a" }), None),
            (
                "pagerduty_service",
                json!({}),
                Some(format!("pagerduty_service/{subscriber}")),
            ),
        ];
        for (kind, address, expected) in table {
            assert_eq!(unique(kind, &address, subscriber), expected, "{kind}");
        }
    }
}
