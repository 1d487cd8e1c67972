//! LINE: the push API of the Messaging API.
//! Source: developers.line.biz, "Send push message" and "Retrying a failed API request".

use ring::digest;
use serde_json::{Value, json};
use url::Url;

use super::{Address, ChatDelivery, Prepared, bearer, filled, overrides, post, refused, unfit};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Response, Secretish, Trust},
};

/// Of a text message, in UTF-16 units.
const MAX_TEXT: usize = 5000;

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::LineUser { user_id } = delivery.address else {
        return Err(unfit("LINE", delivery.address));
    };
    if delivery.text.encode_utf16().count() > MAX_TEXT {
        let message = format!("LINE takes at most {MAX_TEXT} characters; this message is longer.");
        return Err(Failure::new(Level::Message, "content_too_long", message));
    }
    let token = filled(delivery.credentials, "apiToken").ok_or_else(|| {
        let message = "The LINE integration has no apiToken (a channel access token).";
        Failure::new(Level::Integration, "invalid_token", message)
    })?;
    let mut body = json!({ "to": user_id, "messages": [{ "type": "text", "text": delivery.text }] });
    if let Value::Object(members) = &mut body {
        overrides::spread(members, delivery.custom_data);
    }
    let body = overrides::body(body, delivery, overrides::as_is);
    let vendor = Url::parse("https://api.line.me/v2/bot/message/push").map_err(|_| {
        let message = "LINE's address is not a valid URL.";
        Failure::new(Level::Integration, "invalid_url", message)
    })?;
    let url = delivery.bases.of_vendor(delivery.provider_id, &vendor);
    let mut prepared = post(delivery, url, &body, Trust::Operator)?;
    bearer(&mut prepared, token.trim())?;
    prepared
        .request
        .set_header("X-Line-Retry-Key", Secretish::Plain(retry_key(delivery.delivery_id)));
    Ok(prepared)
}

/// LINE knows a repeated call by a UUID; ours follows from the delivery, so that all its attempts have the same.
fn retry_key(delivery_id: &str) -> String {
    let hash = digest::digest(&digest::SHA256, delivery_id.as_bytes());
    let mut hex = hex::encode(&hash.as_ref()[..16]);
    // The marks of a random UUID of version 4.
    hex.replace_range(12..13, "4");
    hex.replace_range(16..17, "8");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    let status = response.status;
    let id = || answer["sentMessages"][0]["id"].as_str().map(str::to_owned);
    if response.is_success() {
        return Outcome::Delivered {
            id: id(),
            details: json!({ "requestId": response.header("x-line-request-id") }),
        };
    }
    if status == 409
        && let Some(accepted) = response.header("x-line-accepted-request-id")
    {
        return Outcome::Delivered {
            id: id(),
            details: json!({ "requestId": accepted, "alreadyAccepted": true }),
        };
    }
    let said = answer["message"]
        .as_str()
        .unwrap_or("no reason given")
        .trim_end_matches('.');
    let code = format!("http_{status}");
    let refusal = |level, message: String| refused(response, level, code.clone(), message);
    match status {
        429 if said.contains("monthly") => Outcome::Rejected(refusal(
            Level::Integration,
            format!("The LINE account may send no more messages this month: {said}."),
        )),
        429 => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refusal(Level::Network, "LINE asks us to wait.".to_owned()),
        },
        401 | 403 => Outcome::Rejected(refusal(
            Level::Integration,
            format!("LINE refuses the integration's apiToken: {said}."),
        )),
        400 if said.contains("'to'") || said.contains("Failed to send messages") => Outcome::Rejected(
            refusal(Level::Endpoint, format!("LINE cannot reach this user: {said}.")).health(Health::Broken),
        ),
        408 | 500.. => Outcome::Unknown(refusal(
            Level::Network,
            format!("LINE failed (status {status}); the message may have arrived, and is sent only once."),
        )),
        _ => Outcome::Rejected(refusal(Level::Message, format!("LINE refused the message: {said}."))),
    }
}
