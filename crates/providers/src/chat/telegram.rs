//! Telegram: `sendMessage` of the bot whose token is the integration's.
//! Source: core.telegram.org/bots/api, "Making requests" and "sendMessage".

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::{Address, ChatDelivery, Prepared, filled, overrides, post, refused, unfit};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    retry_after,
    transport::{Response, Trust},
};

/// Of a message, after its entities were read.
const MAX_TEXT: usize = 4096;

/// A group that became a supergroup: its new id is in the details, under `parameters.migrate_to_chat_id`.
pub(super) const MIGRATED: &str = "chat_migrated";

/// Members of Telegram's messages that have more than one word.
const KEYS: [&str; 20] = [
    "allow_paid_broadcast",
    "allow_sending_without_reply",
    "business_connection_id",
    "callback_data",
    "chat_id",
    "disable_notification",
    "disable_web_page_preview",
    "inline_keyboard",
    "is_disabled",
    "link_preview_options",
    "message_effect_id",
    "message_id",
    "message_thread_id",
    "one_time_keyboard",
    "parse_mode",
    "prefer_large_media",
    "protect_content",
    "reply_markup",
    "reply_parameters",
    "resize_keyboard",
];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::TelegramChat { chat_id } = delivery.address else {
        return Err(unfit("Telegram", delivery.address));
    };
    let mut body = Map::from_iter([
        ("chat_id".to_owned(), Value::from(chat_id.as_str())),
        ("text".to_owned(), Value::from(delivery.text)),
    ]);
    overrides::spread(&mut body, delivery.custom_data);
    let body = overrides::body(Value::Object(body), delivery, wire_key);
    // What is formatted gets shorter when Telegram reads it.
    let plain = body["parse_mode"].is_null() && body["entities"].is_null();
    if plain
        && body["text"]
            .as_str()
            .is_some_and(|text| text.chars().count() > MAX_TEXT)
    {
        let message = format!("Telegram takes at most {MAX_TEXT} characters; this message is longer.");
        return Err(Failure::new(Level::Message, "content_too_long", message));
    }
    // Only what looks like a bot's token is masked in addresses, so nothing else may get there.
    let token = filled(delivery.credentials, "apiToken")
        .map(str::trim)
        .filter(|token| is_token(token))
        .ok_or_else(|| {
            let message = "The integration's apiToken is not the token of a Telegram bot, such as BotFather gives.";
            Failure::new(Level::Integration, "invalid_token", message)
        })?;
    let vendor = Url::parse(&format!("https://api.telegram.org/bot{token}/sendMessage")).map_err(|_| {
        let message = "Telegram's address is not a valid URL.";
        Failure::new(Level::Integration, "invalid_url", message)
    })?;
    post(
        delivery,
        delivery.bases.of_vendor(delivery.provider_id, &vendor),
        &body,
        Trust::Operator,
    )
}

fn is_token(token: &str) -> bool {
    token.split_once(':').is_some_and(|(id, secret)| {
        !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && !secret.is_empty()
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

/// Where a chat has gone, when a refusal says so.
pub(super) fn moved_to(failure: &Failure) -> Option<Address> {
    let id = (failure.code == MIGRATED).then(|| failure.details["parameters"]["migrate_to_chat_id"].as_i64())??;
    Some(Address::TelegramChat {
        chat_id: id.to_string(),
    })
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    let (status, result) = (response.status, &answer["result"]);
    if response.is_success() && answer["ok"] == json!(true) {
        let id = result["chat"]["id"].as_i64().zip(result["message_id"].as_i64());
        return Outcome::Delivered {
            id: id.map(|(chat, message)| format!("{chat}:{message}")),
            details: json!({ "chatId": result["chat"]["id"], "messageId": result["message_id"] }),
        };
    }
    let said = answer["description"].as_str().unwrap_or("no reason given");
    let code = format!("http_{status}");
    let broken = |code: &str, message: String| {
        Outcome::Rejected(refused(response, Level::Endpoint, code, message).health(Health::Broken))
    };
    if answer["parameters"]["migrate_to_chat_id"].is_i64() {
        return broken(
            MIGRATED,
            "The Telegram group became a supergroup with another id.".to_owned(),
        );
    }
    match status {
        429 => Outcome::RetryAt {
            after: answer["parameters"]["retry_after"]
                .as_f64()
                .and_then(retry_after::seconds)
                .or_else(|| response.retry_after())
                .or(Some(Duration::from_secs(1))),
            failure: refused(response, Level::Network, code, "Telegram asks us to wait."),
        },
        401 | 404 => Outcome::Rejected(refused(
            response,
            Level::Integration,
            code,
            format!("Telegram does not know the integration's bot token: {said}."),
        )),
        403 => broken(
            &code,
            format!("The Telegram chat takes no messages of this bot: {said}."),
        ),
        400 if is_about_chat(said) => broken(&code, format!("Telegram does not let us post here: {said}.")),
        408 | 500.. | 200..300 => Outcome::Unknown(refused(
            response,
            Level::Network,
            code,
            format!("Telegram's answer (status {status}) does not say whether the message was posted."),
        )),
        _ => Outcome::Rejected(refused(
            response,
            Level::Message,
            code,
            format!("Telegram refused the message: {said}."),
        )),
    }
}

/// Telegram has no codes beyond the status, only sentences.
fn is_about_chat(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    [
        "chat not found",
        "user not found",
        "peer_id_invalid",
        "group chat was deactivated",
        "not enough rights",
        "have no rights",
        "chat_write_forbidden",
        "topic_closed",
        "message thread not found",
        "chat_id is empty",
    ]
    .iter()
    .any(|part| said.contains(part))
}
