//! Credentials as they are given, what becomes of those that are stored, and the change of one entry.

use campanile_model::{Error, Result};
use campanile_store::Batch;
use campanile_store::integrations::Integration;
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::dto;
use crate::shape::{Path, Problems, Schemas, Shape, rules};
use crate::v2::subscribers::{lost_race, too_contended, view};

/// The providers for which subscribers can have credentials, in the order of the published contract.
const PROVIDERS: [&str; 24] = [
    "slack",
    "discord",
    "msteams",
    "webex-messaging",
    "mattermost",
    "ryver",
    "zulip",
    "grafana-on-call",
    "getstream",
    "rocket-chat",
    "whatsapp-business",
    "line",
    "chat-webhook",
    "novu-slack",
    "telegram",
    "sendblue",
    "fcm",
    "apns",
    "expo",
    "one-signal",
    "pushpad",
    "push-webhook",
    "pusher-beams",
    "appio",
];
const MOST_TOKENS: usize = 100;
const DEVICE_TOKENS: &str = "deviceTokens";
/// How often a lost race is run again: many devices of one subscriber may register at the same moment.
const TRIES: usize = 64;

/// One of [`PROVIDERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChatOrPush(&'static str);

impl Shape for ChatOrPush {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let known = PROVIDERS.into_iter().find(|known| value.as_str() == Some(known));
        if known.is_none() {
            problems.add(
                path,
                &format!("must be one of the following values: {}", PROVIDERS.join(", ")),
            );
        }
        known.map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "enum": PROVIDERS })
    }
}

dto! {
    /// Where a provider reaches a subscriber.
    ChannelCredentials {
        optional webhook_url: String = "webhookUrl";
        optional channel: String = "channel";
        /// At most 100 for one integration.
        optional device_tokens: Vec<String> = "deviceTokens" [rules::most(1000)];
        optional alert_uid: String = "alertUid";
        optional title: String = "title";
        optional image_url: String = "imageUrl";
        optional state: String = "state";
        optional external_url: String = "externalUrl";
    }
}

dto! {
    /// Credentials for one integration of a provider.
    ChangeCredentials {
        required provider_id: ChatOrPush = "providerId";
        /// Which integration; the newest active one of the provider by default.
        optional integration_identifier: String = "integrationIdentifier";
        required credentials: ChannelCredentials = "credentials";
    }
}

/// What given device tokens do to those that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    /// They take their place.
    Replace,
    /// They come in addition.
    Append,
}

/// The stored credentials with the given ones over them. Device tokens are never stored twice.
fn merged(stored: &Map<String, Value>, given: &ChannelCredentials, tokens: Tokens) -> Result<Map<String, Value>> {
    let mut merged = stored.clone();
    let texts = [
        ("webhookUrl", &given.webhook_url),
        ("channel", &given.channel),
        ("alertUid", &given.alert_uid),
        ("title", &given.title),
        ("imageUrl", &given.image_url),
        ("state", &given.state),
        ("externalUrl", &given.external_url),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            merged.insert(name.to_owned(), Value::from(text.as_str()));
        }
    }
    let Some(given) = &given.device_tokens else {
        return Ok(merged);
    };
    let mut all: Vec<&str> = Vec::new();
    if tokens == Tokens::Append
        && let Some(Value::Array(stored)) = stored.get(DEVICE_TOKENS)
    {
        all.extend(stored.iter().filter_map(Value::as_str));
    }
    for token in given {
        if !all.contains(&token.as_str()) {
            all.push(token);
        }
    }
    if all.len() > MOST_TOKENS {
        return Err(Error::bad_request(format!(
            "Device tokens limit exceeded. Maximum allowed tokens per subscriber channel is {MOST_TOKENS}. Remove tokens \
             that are not in use before you add new ones."
        )));
    }
    merged.insert(DEVICE_TOKENS.to_owned(), json!(all));
    Ok(merged)
}

/// The integration that the credentials are for: active, of this provider, by its identifier or else the newest.
fn chosen<'a>(all: &'a [Integration], provider_id: &str, identifier: Option<&str>) -> Option<&'a Integration> {
    all.iter()
        .filter(|one| one.active && one.provider_id == provider_id)
        .filter(|one| identifier.is_none_or(|identifier| one.identifier == identifier))
        .max_by_key(|one| (one.created_at, one.id))
}

/// The change of one entry.
pub(super) async fn change(call: Call, tokens: Tokens) -> Result<Reply> {
    let body: ChangeCredentials = call.body()?;
    let ChatOrPush(provider_id) = body.provider_id;
    let identifier = body.integration_identifier.filter(|identifier| !identifier.is_empty());
    let subscriber_id = call.parameter("subscriberId");
    let store = call.store();
    for _ in 0..TRIES {
        let subscriber = store.subscriber(&call.ctx, subscriber_id).await?;
        let mut subscriber =
            subscriber.ok_or_else(|| Error::bad_request(format!("SubscriberId: {subscriber_id} not found")))?;
        let all = store.integrations_all(&call.ctx).await?;
        let integration = chosen(&all, provider_id, identifier.as_deref()).ok_or_else(|| {
            Error::bad_request(format!(
                "Subscribers environment ({}) do not have active {provider_id} integration.",
                call.ctx.environment
            ))
        })?;
        let mut channels = store.subscriber_channels(&call.ctx, vec![subscriber.id]).await?;
        let place = channels
            .iter()
            .position(|channel| channel.integration_id == integration.id);
        let read = place.map(|place| &channels[place]);
        let stored = read
            .map(|read| store.open_channel(read))
            .transpose()?
            .unwrap_or_default();
        let credentials = merged(&stored, &body.credentials, tokens)?;
        if read.is_some() && credentials == stored {
            return Reply::data(200, &view::of(store, &call.ctx, &subscriber, &channels)?);
        }
        let mut batch = Batch::new();
        let written = store.put_channel(&mut batch, &call.ctx, &mut subscriber, integration, read, &credentials)?;
        match place {
            Some(place) => channels[place] = written,
            None => channels.push(written),
        }
        let reply = Reply::data(200, &view::of(store, &call.ctx, &subscriber, &channels)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

#[cfg(test)]
mod tests {
    use campanile_model::Channel;
    use campanile_providers::catalogue;

    use super::*;

    fn given(value: &Value) -> ChannelCredentials {
        ChannelCredentials::read(value, &Path::Root, &mut Problems::default()).unwrap()
    }

    fn bag(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn tokens_are_replaced_or_appended_and_other_members_merged() {
        for (stored, new, tokens, after) in [
            (
                json!({}),
                json!({ "deviceTokens": ["a", "a"] }),
                Tokens::Replace,
                json!({ "deviceTokens": ["a"] }),
            ),
            (
                json!({ "deviceTokens": ["a"], "title": "t" }),
                json!({ "deviceTokens": ["b"] }),
                Tokens::Replace,
                json!({ "deviceTokens": ["b"], "title": "t" }),
            ),
            (
                json!({ "deviceTokens": ["b"] }),
                json!({ "deviceTokens": ["c", "b"] }),
                Tokens::Append,
                json!({ "deviceTokens": ["b", "c"] }),
            ),
            (
                json!({ "deviceTokens": ["b"] }),
                json!({ "deviceTokens": [] }),
                Tokens::Replace,
                json!({ "deviceTokens": [] }),
            ),
            (
                json!({ "deviceTokens": ["b"], "webhookUrl": "https://one.example" }),
                json!({ "webhookUrl": "https://two.example", "unknown": 1, "title": null }),
                Tokens::Replace,
                json!({ "deviceTokens": ["b"], "webhookUrl": "https://two.example" }),
            ),
        ] {
            let merged = merged(&bag(&stored), &given(&new), tokens).unwrap();
            assert_eq!(Value::Object(merged), after, "{stored} {new}");
        }
    }

    #[test]
    fn a_channel_holds_a_hundred_tokens() {
        let tokens = |from: usize, to: usize| (from..to).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let stored = bag(&json!({ "deviceTokens": tokens(0, 100) }));
        let same = given(&json!({ "deviceTokens": tokens(0, 100) }));
        let one_more = given(&json!({ "deviceTokens": tokens(100, 101) }));
        assert!(merged(&stored, &same, Tokens::Append).is_ok());
        assert!(merged(&stored, &one_more, Tokens::Replace).is_ok());
        let error = merged(&stored, &one_more, Tokens::Append).unwrap_err();
        assert!(error.message().starts_with("Device tokens limit exceeded."));
    }

    #[test]
    fn all_providers_are_of_the_catalogue() {
        for id in PROVIDERS {
            let channel = catalogue::find(id).unwrap().channel.as_str();
            assert!([Channel::Chat.wire(), Channel::Push.wire()].contains(&channel), "{id}");
        }
    }
}
