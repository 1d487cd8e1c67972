//! The places a notification can go to, as channel endpoints describe them. One validator serves creating, changing
//! and overriding an endpoint.

use std::fmt;

use serde_json::{Map, Value, json};
use url::Url;

/// The endpoint types of the API, in the order of its reference.
const KINDS: [&str; 14] = [
    "slack_channel",
    "slack_user",
    "webhook",
    "phone",
    "ms_teams_channel",
    "ms_teams_user",
    "telegram_chat",
    "webex_room",
    "webex_person",
    "line_user",
    "pagerduty_service",
    "opsgenie_integration",
    "grafana_oncall_integration",
    "tool_webhook",
];

/// One place to deliver to. Its `Debug` shows only the kind, because several kinds carry a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    SlackChannel {
        channel_id: String,
    },
    SlackUser {
        user_id: String,
    },
    Webhook {
        url: String,
        channel: Option<String>,
    },
    Phone {
        phone_number: String,
    },
    MsTeamsChannel {
        team_id: String,
        channel_id: String,
    },
    MsTeamsUser {
        user_id: String,
        tenant_id: Option<String>,
    },
    TelegramChat {
        chat_id: String,
    },
    WebexRoom {
        room_id: String,
        parent_id: Option<String>,
    },
    WebexPerson(WebexPerson),
    LineUser {
        user_id: String,
    },
    PagerdutyService {
        routing_key: String,
        region: Region,
    },
    OpsgenieIntegration {
        api_key: String,
        region: Region,
    },
    GrafanaOncallIntegration {
        url: String,
        auth_token: Option<String>,
    },
    ToolWebhook {
        url: String,
        headers: Option<Vec<(String, String)>>,
        method: Option<ToolMethod>,
    },
}

/// Webex knows people by id or by e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebexPerson {
    Id(String),
    Email(String),
}

/// Where a tool keeps its customers' data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    Us,
    Eu,
}

/// How a tool's webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolMethod {
    Post,
    Put,
    Patch,
}

impl Address {
    /// The known endpoint types.
    pub fn kinds() -> &'static [&'static str] {
        &KINDS
    }

    /// Reads an endpoint of type `kind`. Nothing but the listed members may be present.
    pub fn parse(kind: &str, value: &Value) -> Option<Self> {
        let members = Members(value.as_object()?);
        let only = |names: &[&str]| members.only(names);
        Some(match kind {
            "slack_channel" => {
                only(&["channelId"])?;
                Self::SlackChannel {
                    channel_id: members.text("channelId")?,
                }
            }
            "slack_user" => {
                only(&["userId"])?;
                Self::SlackUser {
                    user_id: members.text("userId")?,
                }
            }
            "webhook" => {
                only(&["url", "channel"])?;
                Self::Webhook {
                    url: members.text("url")?,
                    channel: members.optional("channel")?,
                }
            }
            "phone" => {
                only(&["phoneNumber"])?;
                Self::Phone {
                    phone_number: members.text("phoneNumber")?,
                }
            }
            "ms_teams_channel" => {
                only(&["teamId", "channelId"])?;
                Self::MsTeamsChannel {
                    team_id: members.text("teamId")?,
                    channel_id: members.text("channelId")?,
                }
            }
            "ms_teams_user" => {
                only(&["userId", "tenantId"])?;
                Self::MsTeamsUser {
                    user_id: members.text("userId")?,
                    tenant_id: members.optional("tenantId")?,
                }
            }
            "telegram_chat" => {
                only(&["chatId"])?;
                Self::TelegramChat {
                    chat_id: members.text("chatId")?,
                }
            }
            "webex_room" => {
                only(&["roomId", "parentId"])?;
                let parent_id = members.optional("parentId")?;
                if parent_id.as_deref() == Some("") {
                    return None;
                }
                Self::WebexRoom {
                    room_id: members.filled("roomId")?,
                    parent_id,
                }
            }
            "webex_person" => {
                only(&["personId", "personEmail"])?;
                match (
                    members.0.contains_key("personId"),
                    members.0.contains_key("personEmail"),
                ) {
                    (true, false) => Self::WebexPerson(WebexPerson::Id(members.filled("personId")?)),
                    (false, true) => Self::WebexPerson(WebexPerson::Email(members.filled("personEmail")?)),
                    _ => return None,
                }
            }
            "line_user" => {
                only(&["userId"])?;
                Self::LineUser {
                    user_id: members.text("userId")?,
                }
            }
            "pagerduty_service" => {
                only(&["routingKey", "region"])?;
                let routing_key = members.text("routingKey").filter(|key| groups(key, &[32]))?;
                Self::PagerdutyService {
                    routing_key,
                    region: members.region()?,
                }
            }
            "opsgenie_integration" => {
                only(&["apiKey", "region"])?;
                let api_key = members.text("apiKey").filter(|key| groups(key, &[8, 4, 4, 4, 12]))?;
                Self::OpsgenieIntegration {
                    api_key,
                    region: members.region()?,
                }
            }
            "grafana_oncall_integration" => {
                only(&["url", "authToken"])?;
                Self::GrafanaOncallIntegration {
                    url: members.http_url()?,
                    auth_token: members.optional("authToken")?,
                }
            }
            "tool_webhook" => {
                only(&["url", "headers", "method"])?;
                Self::ToolWebhook {
                    url: members.http_url()?,
                    headers: members.headers()?,
                    method: members.method()?,
                }
            }
            _ => return None,
        })
    }

    /// The endpoint type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SlackChannel { .. } => "slack_channel",
            Self::SlackUser { .. } => "slack_user",
            Self::Webhook { .. } => "webhook",
            Self::Phone { .. } => "phone",
            Self::MsTeamsChannel { .. } => "ms_teams_channel",
            Self::MsTeamsUser { .. } => "ms_teams_user",
            Self::TelegramChat { .. } => "telegram_chat",
            Self::WebexRoom { .. } => "webex_room",
            Self::WebexPerson(_) => "webex_person",
            Self::LineUser { .. } => "line_user",
            Self::PagerdutyService { .. } => "pagerduty_service",
            Self::OpsgenieIntegration { .. } => "opsgenie_integration",
            Self::GrafanaOncallIntegration { .. } => "grafana_oncall_integration",
            Self::ToolWebhook { .. } => "tool_webhook",
        }
    }

    /// Whether delivering to it takes a token: a connection's, or the bot's of its integration.
    pub fn needs_token(&self) -> bool {
        matches!(
            self,
            Self::SlackChannel { .. }
                | Self::SlackUser { .. }
                | Self::MsTeamsChannel { .. }
                | Self::MsTeamsUser { .. }
                | Self::WebexRoom { .. }
                | Self::WebexPerson(_)
        )
    }

    /// The endpoint object as the API shows it, secrets included.
    pub fn to_json(&self) -> Value {
        let mut value = match self {
            Self::SlackChannel { channel_id } => json!({ "channelId": channel_id }),
            Self::SlackUser { user_id } | Self::LineUser { user_id } => json!({ "userId": user_id }),
            Self::Webhook { url, channel } => json!({ "url": url, "channel": channel }),
            Self::Phone { phone_number } => json!({ "phoneNumber": phone_number }),
            Self::MsTeamsChannel { team_id, channel_id } => json!({ "teamId": team_id, "channelId": channel_id }),
            Self::MsTeamsUser { user_id, tenant_id } => json!({ "userId": user_id, "tenantId": tenant_id }),
            Self::TelegramChat { chat_id } => json!({ "chatId": chat_id }),
            Self::WebexRoom { room_id, parent_id } => json!({ "roomId": room_id, "parentId": parent_id }),
            Self::WebexPerson(WebexPerson::Id(id)) => json!({ "personId": id }),
            Self::WebexPerson(WebexPerson::Email(email)) => json!({ "personEmail": email }),
            Self::PagerdutyService { routing_key, region } => {
                json!({ "routingKey": routing_key, "region": region.as_str() })
            }
            Self::OpsgenieIntegration { api_key, region } => json!({ "apiKey": api_key, "region": region.as_str() }),
            Self::GrafanaOncallIntegration { url, auth_token } => json!({ "url": url, "authToken": auth_token }),
            Self::ToolWebhook { url, headers, method } => json!({
                "url": url,
                "headers": headers.as_ref().map(|headers| {
                    headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>()
                }),
                "method": method.map(ToolMethod::as_str),
            }),
        };
        if let Value::Object(members) = &mut value {
            members.retain(|_, member| !member.is_null());
        }
        value
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Region {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
        }
    }
}

impl ToolMethod {
    /// The HTTP method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

struct Members<'a>(&'a Map<String, Value>);

impl Members<'_> {
    fn only(&self, names: &[&str]) -> Option<()> {
        self.0.keys().all(|key| names.contains(&key.as_str())).then_some(())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }

    fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Outer absence: the member is there but not a string.
    #[expect(
        clippy::option_option,
        reason = "the two absences are read one after the other with `?`"
    )]
    fn optional(&self, name: &str) -> Option<Option<String>> {
        match self.0.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        }
    }

    fn region(&self) -> Option<Region> {
        match self.0.get("region")?.as_str()? {
            "us" => Some(Region::Us),
            "eu" => Some(Region::Eu),
            _ => None,
        }
    }

    fn http_url(&self) -> Option<String> {
        let text = self.text("url")?;
        let parsed = Url::parse(&text).ok()?;
        (matches!(parsed.scheme(), "http" | "https") && parsed.has_host()).then_some(text)
    }

    #[expect(
        clippy::option_option,
        reason = "the two absences are read one after the other with `?`"
    )]
    fn headers(&self) -> Option<Option<Vec<(String, String)>>> {
        let Some(value) = self.0.get("headers") else {
            return Some(None);
        };
        let headers = value
            .as_object()?
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        headers.collect::<Option<Vec<_>>>().map(Some)
    }

    #[expect(
        clippy::option_option,
        reason = "the two absences are read one after the other with `?`"
    )]
    fn method(&self) -> Option<Option<ToolMethod>> {
        let Some(value) = self.0.get("method") else {
            return Some(None);
        };
        match value.as_str()? {
            "POST" => Some(Some(ToolMethod::Post)),
            "PUT" => Some(Some(ToolMethod::Put)),
            "PATCH" => Some(Some(ToolMethod::Patch)),
            _ => None,
        }
    }
}

/// Whether `text` is groups of letters and digits of these lengths, joined by `-`.
fn groups(text: &str, lengths: &[usize]) -> bool {
    let mut parts = text.split('-');
    lengths.iter().all(|length| {
        parts
            .next()
            .is_some_and(|part| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    }) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints_follow_the_reference() {
        let key = "a1".repeat(16);
        let uuid = "abcdefgh-1234-abcd-1234-abcdefgh1234";
        let table = [
            ("slack_channel", json!({ "channelId": "C1" }), true),
            ("slack_channel", json!({ "channelId": "" }), true),
            ("slack_channel", json!({ "channelId": 1 }), false),
            ("slack_channel", json!({ "channelId": "C1", "x": 1 }), false),
            ("slack_channel", json!({}), false),
            ("slack_channel", json!({ "userId": "U1" }), false),
            ("slack_channel", json!(["C1"]), false),
            ("slack_channel", json!(null), false),
            ("slack_user", json!({ "userId": "U1" }), true),
            ("slack_user", json!({ "userId": null }), false),
            ("webhook", json!({ "url": "not a url" }), true),
            ("webhook", json!({ "url": "https://a", "channel": "x" }), true),
            ("webhook", json!({ "url": "https://a", "channel": null }), false),
            ("webhook", json!({ "url": "https://a", "other": "x" }), false),
            (
                "webhook",
                json!({ "url": "https://a", "channel": "x", "other": "x" }),
                false,
            ),
            ("webhook", json!({ "channel": "x" }), false),
            ("phone", json!({ "phoneNumber": "12" }), true),
            ("phone", json!({ "phoneNumber": 12 }), false),
            ("ms_teams_channel", json!({ "teamId": "t", "channelId": "c" }), true),
            ("ms_teams_channel", json!({ "teamId": "t" }), false),
            (
                "ms_teams_channel",
                json!({ "teamId": "t", "channelId": "c", "x": "" }),
                false,
            ),
            ("ms_teams_user", json!({ "userId": "u" }), true),
            ("ms_teams_user", json!({ "userId": "u", "tenantId": "t" }), true),
            ("ms_teams_user", json!({ "userId": "u", "tenantId": 1 }), false),
            ("ms_teams_user", json!({ "tenantId": "t" }), false),
            ("telegram_chat", json!({ "chatId": "-100" }), true),
            ("telegram_chat", json!({ "chatId": -100 }), false),
            ("webex_room", json!({ "roomId": "r" }), true),
            ("webex_room", json!({ "roomId": "r", "parentId": "p" }), true),
            ("webex_room", json!({ "roomId": "" }), false),
            ("webex_room", json!({ "roomId": "r", "parentId": "" }), false),
            ("webex_person", json!({ "personId": "p" }), true),
            ("webex_person", json!({ "personEmail": "p@x" }), true),
            ("webex_person", json!({ "personId": "p", "personEmail": "p@x" }), false),
            ("webex_person", json!({ "personId": "" }), false),
            ("webex_person", json!({}), false),
            ("line_user", json!({ "userId": "u" }), true),
            ("pagerduty_service", json!({ "routingKey": key, "region": "us" }), true),
            ("pagerduty_service", json!({ "routingKey": key, "region": "ap" }), false),
            (
                "pagerduty_service",
                json!({ "routingKey": "short", "region": "us" }),
                false,
            ),
            ("pagerduty_service", json!({ "routingKey": key }), false),
            ("opsgenie_integration", json!({ "apiKey": uuid, "region": "eu" }), true),
            (
                "opsgenie_integration",
                json!({ "apiKey": format!("{uuid}-"), "region": "eu" }),
                false,
            ),
            (
                "opsgenie_integration",
                json!({ "apiKey": uuid.replace('-', ""), "region": "eu" }),
                false,
            ),
            ("grafana_oncall_integration", json!({ "url": "https://g/x" }), true),
            (
                "grafana_oncall_integration",
                json!({ "url": "https://g/x", "authToken": "t" }),
                true,
            ),
            ("grafana_oncall_integration", json!({ "authToken": "t" }), false),
            ("tool_webhook", json!({ "url": "https://t/x" }), true),
            (
                "tool_webhook",
                json!({ "url": "http://t", "headers": { "a": "b" }, "method": "PUT" }),
                true,
            ),
            (
                "tool_webhook",
                json!({ "url": "http://t", "headers": { "a": 1 } }),
                false,
            ),
            ("tool_webhook", json!({ "url": "http://t", "method": "GET" }), false),
            ("tool_webhook", json!({ "url": "http://t", "method": "post" }), false),
            ("tool_webhook", json!({ "url": "ftp://t" }), false),
            ("tool_webhook", json!({ "url": "nothing" }), false),
            ("slack", json!({ "channelId": "C1" }), false),
        ];
        for (kind, value, expected) in table {
            let parsed = Address::parse(kind, &value);
            assert_eq!(parsed.is_some(), expected, "{kind} {value}");
            if let Some(address) = parsed {
                assert_eq!((address.kind(), address.to_json()), (kind, value));
            }
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let address = Address::Webhook {
            url: "https://x/canary".to_owned(),
            channel: None,
        };
        assert_eq!(format!("{address:?}"), "webhook");
    }

    fn arbitrary_json() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "url",
            "channel",
            "channelId",
            "userId",
            "teamId",
            "tenantId",
            "routingKey",
            "region",
            "apiKey",
            "headers",
            "method",
            "personId",
            "personEmail",
            "roomId",
            "parentId",
            "authToken",
            "phoneNumber",
            "chatId",
            "x",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            prop::sample::select(vec!["us", "POST", "https://a/b"]).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(kind in prop::sample::select(Address::kinds().to_vec()), value in arbitrary_json()) {
            if let Some(address) = Address::parse(kind, &value) {
                prop_assert_eq!(address.kind(), kind);
                prop_assert_eq!(address.to_json(), value);
            }
        }
    }
}
