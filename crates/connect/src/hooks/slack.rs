//! Slack's Events API. Sources: docs.slack.dev, "Verifying requests from Slack", "The Events API", and the pages of the
//! events that are read here.

use campanile_model::{Result, Time};
use campanile_providers::chat::slack_endpoint_message;
use campanile_store::Batch;
use ring::hmac;
use serde_json::{Value, json};

use super::{Incoming, Judged, Named, Origin, Revoked, nothing_to_say};

/// How old a signature may be, on real clocks.
const OLDEST_SECONDS: i64 = 5 * 60;

const UNINSTALLED: &str = "The Slack app was removed from this workspace. It must be connected again.";
const REVOKED: &str = "Slack revoked the token of this workspace. It must be connected again.";

/// What an event means.
#[derive(Debug, PartialEq, Eq)]
enum Told<'a> {
    Uninstalled,
    TokensRevoked {
        bot: bool,
    },
    Gone {
        channel: &'a str,
        code: &'static str,
    },
    Back {
        channel: &'a str,
        from: &'static [&'static str],
    },
}

/// Whether this secret signed the call within the last minutes.
pub(super) fn is_proven(secret: &str, incoming: &Incoming<'_>, now: Time) -> bool {
    let timestamp = (incoming.header)("x-slack-request-timestamp").unwrap_or_default();
    let signature = (incoming.header)("x-slack-signature").unwrap_or_default();
    let signature = signature.strip_prefix("v0=").and_then(|hex| hex::decode(hex).ok());
    let mut signed = format!("v0:{timestamp}:").into_bytes();
    signed.extend_from_slice(incoming.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let is_signed = hmac::verify(&key, &signed, &signature.unwrap_or_default()).is_ok();
    let is_recent = timestamp
        .parse::<i64>()
        .is_ok_and(|at| (now.millis() / 1000).abs_diff(at) <= OLDEST_SECONDS.unsigned_abs());
    is_signed && is_recent && !secret.is_empty()
}

pub(super) async fn receive(origin: &Origin<'_>, incoming: &Incoming<'_>) -> Result<Option<Value>> {
    let secret = origin.credential("signingSecret").unwrap_or_default();
    if !is_proven(secret, incoming, origin.store().clock().real()) {
        return Ok(None);
    }
    let Ok(payload) = serde_json::from_slice::<Value>(incoming.body) else {
        return Ok(Some(nothing_to_say()));
    };
    if payload["type"] == "url_verification" {
        return Ok(Some(json!({ "challenge": payload["challenge"] })));
    }
    if let Some(told) = told(&payload) {
        let mut batch = Batch::new();
        apply(origin, &payload, &told, &mut batch).await?;
        origin.commit(batch, payload["event_id"].as_str()).await?;
    }
    Ok(Some(nothing_to_say()))
}

fn told(payload: &Value) -> Option<Told<'_>> {
    let event = &payload["event"];
    let is_listed = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    // `channel` is an id in these events, and an object in others.
    let channel = || event["channel"].as_str();
    let is_bot = || {
        let bots = payload["authorizations"].as_array().into_iter().flatten();
        event["user"].is_string()
            && bots
                .filter(|one| one["is_bot"] == true)
                .any(|one| one["user_id"] == event["user"])
    };
    let gone = |code| channel().map(|channel| Told::Gone { channel, code });
    let back = |from| channel().map(|channel| Told::Back { channel, from });
    match event["type"].as_str()? {
        "app_uninstalled" => Some(Told::Uninstalled),
        "tokens_revoked" => {
            let (bot, user) = (is_listed(&event["tokens"]["bot"]), is_listed(&event["tokens"]["oauth"]));
            (bot || user).then_some(Told::TokensRevoked { bot })
        }
        "channel_archive" | "group_archive" => gone("is_archived"),
        "channel_deleted" | "group_deleted" => gone("channel_not_found"),
        // The app's own bot left: these two are only told of ourselves.
        "channel_left" | "group_left" => gone("not_in_channel"),
        "member_left_channel" if is_bot() => gone("not_in_channel"),
        "channel_unarchive" | "group_unarchive" => back(&["is_archived", "channel_is_archived"]),
        "member_joined_channel" if is_bot() => back(&["not_in_channel", "channel_not_found"]),
        _ => None,
    }
}

async fn apply(origin: &Origin<'_>, payload: &Value, told: &Told<'_>, batch: &mut Batch) -> Result<()> {
    let (workspaces, is_certain) = workspaces(payload);
    let at = match payload["event_time"].as_i64() {
        // The time has whole seconds: what happened within one counts as before its end.
        Some(seconds) => Time::from_millis(seconds.saturating_add(1).saturating_mul(1000)),
        None => origin.store().clock().real(),
    };
    let at = origin.store().clock().shifted(at);
    let revoked = |reason, is_meant| Revoked {
        workspaces: &workspaces,
        at,
        reason,
        is_meant,
        is_certain,
    };
    let place = |names| Named {
        app_member: "clientId",
        kind: "slack_channel",
        names,
        workspaces: Some(&workspaces),
        is_meant: &|_| true,
    };
    match told {
        Told::Uninstalled => origin.revoke(batch, &revoked(UNINSTALLED, |_| true)).await,
        Told::TokensRevoked { bot: true } => origin.revoke(batch, &revoked(REVOKED, is_bot_token)).await,
        // Only users' tokens: whose they are is not ours to know, so those that we have are asked about.
        Told::TokensRevoked { bot: false } => origin.revoke(batch, &revoked(REVOKED, |_| false)).await,
        Told::Gone { channel, code } => {
            let reason = slack_endpoint_message(code);
            let names = [*channel];
            origin.judge(batch, &place(&names), &Judged::Broken(&reason)).await
        }
        Told::Back { channel, from } => {
            let names = [*channel];
            let ends = |reason: &str| from.iter().any(|code| reason.contains(&format!("`{code}`")));
            origin
                .judge(batch, &place(&names), &Judged::Mended { ends: &ends })
                .await
        }
    }
}

/// A user's token begins with `xoxp`; every other one is an app's in its workspace.
fn is_bot_token(token: &str) -> bool {
    !token.starts_with("xoxp") && !token.starts_with("xoxe.xoxp")
}

/// The ids under which a connection may know the workspace, and whether the event is about just these. An app of a whole
/// organization is known by the enterprise, and uninstalling it in one workspace does not end that.
fn workspaces(payload: &Value) -> (Vec<String>, bool) {
    let authorization = &payload["authorizations"][0];
    let id = |member: &str| {
        [&payload[member], &authorization[member]]
            .into_iter()
            .find_map(Value::as_str)
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    };
    let (team, enterprise) = (id("team_id"), id("enterprise_id"));
    let whole = authorization["is_enterprise_install"] == true || team.is_none();
    match (team, enterprise) {
        (Some(team), Some(enterprise)) if whole => (vec![team, enterprise], true),
        (Some(team), _) => (vec![team], true),
        (None, Some(enterprise)) => (vec![enterprise], true),
        (None, None) => (Vec::new(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(secret: &str, timestamp: i64, signature: Option<&str>, now: i64) -> bool {
        let body = br#"{"type":"event_callback"}"#;
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"shhh");
        let mut signed = format!("v0:{timestamp}:").into_bytes();
        signed.extend_from_slice(body);
        let made = format!("v0={}", hex::encode(hmac::sign(&key, &signed).as_ref()));
        let signature = signature.map_or(made, str::to_owned);
        let header = move |name: &str| match name {
            "x-slack-request-timestamp" => Some(timestamp.to_string()),
            "x-slack-signature" => Some(signature.clone()),
            _ => None,
        };
        let incoming = Incoming {
            header: &header,
            body,
            request_id: "test",
        };
        is_proven(secret, &incoming, Time::from_millis(now * 1000))
    }

    #[test]
    fn only_the_secret_within_five_minutes_proves_a_call() {
        assert!(proven("shhh", 1000, None, 1000));
        assert!(proven("shhh", 1000, None, 1300) && proven("shhh", 1300, None, 1000));
        assert!(!proven("shhh", 1000, None, 1301) && !proven("shhh", 1301, None, 1000));
        assert!(!proven("other", 1000, None, 1000) && !proven("", 1000, None, 1000));
        for signature in ["", "v0=", "v0=00", "v1=00", "zz"] {
            assert!(!proven("shhh", 1000, Some(signature), 1000), "{signature}");
        }
    }

    #[test]
    fn events_are_read_for_what_they_mean() {
        let payload =
            |event: Value| json!({ "event": event, "authorizations": [{ "user_id": "UBOT", "is_bot": true }] });
        let table = [
            (json!({ "type": "app_uninstalled" }), Some(Told::Uninstalled)),
            (
                json!({ "type": "tokens_revoked", "tokens": { "oauth": ["U1"], "bot": ["UBOT"] } }),
                Some(Told::TokensRevoked { bot: true }),
            ),
            (
                json!({ "type": "tokens_revoked", "tokens": { "oauth": ["U1"], "bot": [] } }),
                Some(Told::TokensRevoked { bot: false }),
            ),
            (json!({ "type": "tokens_revoked", "tokens": {} }), None),
            (
                json!({ "type": "channel_archive", "channel": "C1", "user": "U1" }),
                Some(Told::Gone {
                    channel: "C1",
                    code: "is_archived",
                }),
            ),
            (
                json!({ "type": "member_left_channel", "channel": "C1", "user": "UBOT" }),
                Some(Told::Gone {
                    channel: "C1",
                    code: "not_in_channel",
                }),
            ),
            (
                json!({ "type": "member_left_channel", "channel": "C1", "user": "U1" }),
                None,
            ),
            (json!({ "type": "channel_created", "channel": { "id": "C1" } }), None),
            (json!({ "type": "channel_archive", "channel": { "id": "C1" } }), None),
        ];
        for (event, expected) in table {
            assert_eq!(told(&payload(event.clone())), expected, "{event}");
        }
    }

    #[test]
    fn an_organizations_install_is_known_by_its_enterprise() {
        let of = |payload: Value| workspaces(&payload);
        let (team, enterprise) = (|| "T1".to_owned(), || "E1".to_owned());
        assert_eq!(of(json!({ "team_id": "T1" })), (vec![team()], true));
        let both = json!({ "team_id": "T1", "enterprise_id": "E1" });
        assert_eq!(of(both), (vec![team()], true));
        let whole =
            json!({ "team_id": "T1", "authorizations": [{ "enterprise_id": "E1", "is_enterprise_install": true }] });
        assert_eq!(of(whole), (vec![team(), enterprise()], true));
        assert_eq!(of(json!({ "enterprise_id": "E1" })), (vec![enterprise()], true));
        assert_eq!(of(json!({})), (vec![], false));
    }

    #[test]
    fn a_users_token_is_not_the_bots() {
        assert!(is_bot_token("xoxb-1") && is_bot_token("xoxe.xoxb-1"));
        assert!(!is_bot_token("xoxp-1") && !is_bot_token("xoxe.xoxp-1"));
    }
}
