//! Slack: `chat.postMessage` with the workspace's token, and incoming webhooks.
//! Sources: docs.slack.dev, pages of `chat.postMessage`, "Rate limits" and "Sending messages using incoming webhooks".

mod errors;

use serde_json::{Map, Value, json};
use url::Url;

use self::errors::Class;
pub(super) use self::errors::endpoint_message;
use super::{Address, ChatDelivery, Prepared, overrides, post, refused, unfit, webhook};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Response, Secretish, Trust},
};

const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

/// Members of Slack's messages, blocks and attachments that have more than one word. Callers may write them in camel
/// case; other keys are theirs and stay as they are.
const KEYS: [&str; 62] = [
    "accessibility_label",
    "action_id",
    "action_ids_to_enable",
    "alt_text",
    "as_user",
    "author_icon",
    "author_id",
    "author_link",
    "author_name",
    "author_subname",
    "background_color",
    "block_id",
    "callback_id",
    "channel_id",
    "client_msg_id",
    "column_settings",
    "confirmation_dialog",
    "content_type",
    "custom_type",
    "default_to_current_conversation",
    "delete_original",
    "dispatch_action",
    "dispatch_action_config",
    "event_payload",
    "event_type",
    "external_id",
    "filter_options",
    "focus_on_load",
    "footer_icon",
    "icon_emoji",
    "icon_url",
    "image_bytes",
    "image_height",
    "image_url",
    "image_width",
    "initial_option",
    "initial_options",
    "initial_value",
    "is_decimal_allowed",
    "link_names",
    "markdown_text",
    "max_length",
    "max_selected_items",
    "min_length",
    "mrkdwn_in",
    "option_groups",
    "provider_icon_url",
    "provider_name",
    "replace_original",
    "reply_broadcast",
    "response_type",
    "response_url_enabled",
    "slack_file",
    "team_id",
    "thread_ts",
    "thumb_url",
    "thumbnail_url",
    "title_link",
    "title_url",
    "unfurl_links",
    "unfurl_media",
    "video_url",
];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let mut body = Map::from_iter([("text".to_owned(), Value::from(delivery.text))]);
    let destination = match delivery.address {
        Address::SlackChannel { channel_id: id } | Address::SlackUser { user_id: id } => Some(id),
        Address::Webhook { .. } => None,
        other => return Err(unfit("Slack", other)),
    };
    if let Some(id) = destination {
        body.insert("channel".to_owned(), Value::from(id.as_str()));
        overrides::spread(&mut body, delivery.custom_data);
    }
    let body = overrides::body(Value::Object(body), delivery, wire_key);
    match delivery.address {
        Address::Webhook { url, .. } => {
            let (url, trust) = webhook(delivery, url, |host| {
                matches!(host, "hooks.slack.com" | "hooks.slack-gov.com")
            })?;
            post(delivery, url, &body, trust)
        }
        _ => post_message(delivery, &body),
    }
}

fn post_message(delivery: &ChatDelivery<'_>, body: &Value) -> Result<Prepared, Failure> {
    let token = delivery.token.map(str::trim).filter(|token| !token.is_empty()).ok_or_else(|| {
        Failure::new(
            Level::Grant,
            "not_authed",
            "There is no Slack token for this endpoint: connect the workspace, and link the endpoint to the connection.",
        )
    })?;
    if http::HeaderValue::try_from(token).is_err() {
        let message = "The stored Slack token has characters that no token has: connect the workspace again.";
        return Err(Failure::new(Level::Grant, "invalid_auth", message).health(Health::NeedsReauth));
    }
    let vendor: Url = POST_MESSAGE
        .parse()
        .map_err(|_| Failure::new(Level::Integration, "invalid_url", "Slack's address is not a valid URL."))?;
    let url = delivery.bases.replace(delivery.provider_id, &vendor).unwrap_or(vendor);
    let mut prepared = post(delivery, url, body, Trust::Operator)?;
    if prepared.request.header("authorization").is_none() {
        prepared
            .request
            .set_header("authorization", Secretish::Secret(format!("Bearer {token}")));
    }
    Ok(prepared)
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

pub(super) fn interpret(address: &Address, response: &Response) -> Outcome {
    match address {
        Address::Webhook { .. } => webhook_answer(response),
        _ => api_answer(response),
    }
}

fn api_answer(response: &Response) -> Outcome {
    match answer(response) {
        Ok(answer) => posted(&answer),
        Err(refusal) => refusal,
    }
}

/// What the Web API answered, or what its refusal means. It answers 200 with `ok: false` for nearly everything.
pub(crate) fn answer(response: &Response) -> Result<Value, Outcome> {
    if response.status == 429 {
        return Err(errors::outcome(Class::Busy, "ratelimited", response, None));
    }
    let answer = response.json().unwrap_or_default();
    Err(match (answer["ok"].as_bool(), answer["error"].as_str()) {
        (Some(true), _) if response.is_success() => return Ok(answer),
        (Some(false), Some(code)) => {
            let class = match errors::class(code) {
                Class::Unlisted if response.status >= 500 || response.status == 408 => Class::Ambiguous,
                class => class,
            };
            errors::outcome(class, code, response, answer["needed"].as_str())
        }
        _ if response.is_success() || response.status >= 500 || response.status == 408 => {
            Outcome::Unknown(unreadable(response))
        }
        _ => Outcome::Rejected(refused(
            response,
            Level::Integration,
            format!("http_{}", response.status),
            format!(
                "What answered at Slack's address (status {}) is not Slack's Web API.",
                response.status
            ),
        )),
    })
}

fn posted(answer: &Value) -> Outcome {
    let (channel, ts) = (answer["channel"].as_str(), answer["ts"].as_str());
    let id = channel.zip(ts).map(|(channel, ts)| format!("{channel}:{ts}"));
    let mut details = json!({ "channel": channel, "ts": ts });
    // Slack cuts a long text and says so only here.
    if let Some(warning) = answer["warning"].as_str() {
        details["warning"] = Value::from(warning);
    }
    Outcome::Delivered { id, details }
}

/// Incoming webhooks answer in plain text; those of Slack's workflows in JSON.
fn webhook_answer(response: &Response) -> Outcome {
    let text = response.text();
    let text = text.trim();
    let answer = response.json().unwrap_or_default();
    if response.is_success() && (text == "ok" || answer["ok"] == json!(true)) {
        let id = response.header("x-slack-req-id").map(str::to_owned);
        return Outcome::Delivered {
            id,
            details: json!({ "status": response.status }),
        };
    }
    let code = answer["error"]
        .as_str()
        .or_else(|| errors::is_code(text).then_some(text));
    let class = match (response.status, code.map_or(Class::Unlisted, errors::class)) {
        (429, _) => Class::Busy,
        (404 | 410, _) => Class::Endpoint,
        // A webhook has no grant of its own: whatever is wrong with its secret is wrong with the endpoint.
        (_, Class::Dead | Class::Refreshable | Class::Scope) => Class::Endpoint,
        (408 | 500.., Class::Unlisted) => Class::Ambiguous,
        (200..300, Class::Unlisted) => return Outcome::Unknown(unreadable(response)),
        (401 | 403, Class::Unlisted) => Class::Endpoint,
        (_, class) => class,
    };
    let status_code = format!("http_{}", response.status);
    errors::outcome(class, code.unwrap_or(&status_code), response, None)
}

fn unreadable(response: &Response) -> Failure {
    let message = format!(
        "Slack's answer (status {}) does not say whether the message was posted.",
        response.status
    );
    refused(response, Level::Network, format!("http_{}", response.status), message)
}
