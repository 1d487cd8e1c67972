//! WhatsApp Business: the Cloud API's messages.
//! Source: developers.facebook.com, "Cloud API: Messages" and "Cloud API error codes".

use serde_json::{Value, json};
use url::Url;

use super::{Address, ChatDelivery, Prepared, bearer, by_status, filled, overrides, post, refused, unfit};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Response, Trust},
};

/// Of a text message.
const MAX_TEXT: usize = 4096;

/// Members of WhatsApp's messages that have more than one word.
const KEYS: [&str; 9] = [
    "biz_opaque_callback_data",
    "currency_code",
    "date_time",
    "fallback_value",
    "message_id",
    "messaging_product",
    "preview_url",
    "recipient_type",
    "sub_type",
];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::Phone { phone_number } = delivery.address else {
        return Err(unfit("WhatsApp Business", delivery.address));
    };
    let credential = |name: &str| {
        filled(delivery.credentials, name).map(str::trim).ok_or_else(|| {
            let message = format!("The WhatsApp Business integration has no {name}.");
            Failure::new(Level::Integration, "credentials_missing", message)
        })
    };
    let (token, sender) = (credential("apiToken")?, credential("phoneNumberIdentification")?);
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": phone_number,
        "type": "text",
        "text": { "body": delivery.text, "preview_url": false },
    });
    if let Value::Object(members) = &mut body {
        overrides::spread(members, delivery.custom_data);
    }
    let mut body = overrides::body(body, delivery, wire_key);
    // A template stands in place of the text: outside a conversation's 24 hours nothing else is allowed.
    if let Value::Object(members) = &mut body
        && members.get("template").is_some_and(Value::is_object)
    {
        members.insert("type".to_owned(), "template".into());
        members.shift_remove("text");
    }
    if body["text"]["body"]
        .as_str()
        .is_some_and(|text| text.chars().count() > MAX_TEXT)
    {
        let message = format!("WhatsApp takes at most {MAX_TEXT} characters; this message is longer.");
        return Err(Failure::new(Level::Message, "content_too_long", message));
    }
    let unfit_sender = || {
        let message = "The integration's phoneNumberIdentification is not the id of a WhatsApp number.";
        Failure::new(Level::Integration, "invalid_sender", message)
    };
    if !sender.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unfit_sender());
    }
    let vendor =
        Url::parse(&format!("https://graph.facebook.com/v22.0/{sender}/messages")).map_err(|_| unfit_sender())?;
    let url = delivery.bases.of_vendor(delivery.provider_id, &vendor);
    let mut prepared = post(delivery, url, &body, Trust::Operator)?;
    bearer(&mut prepared, token)?;
    Ok(prepared)
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

/// Success means that Meta took it; what becomes of it comes by webhook.
pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    if response.is_success() {
        let message = &answer["messages"][0];
        return Outcome::Accepted {
            id: message["id"].as_str().map(str::to_owned),
            details: json!({ "status": message["message_status"] }),
        };
    }
    let error = &answer["error"];
    let Some(code) = error["code"].as_u64() else {
        return by_status(response, "WhatsApp");
    };
    let said = error["error_data"]["details"]
        .as_str()
        .or_else(|| error["message"].as_str())
        .unwrap_or("no reason given")
        .trim_end_matches('.');
    let refusal = |level, message: String| refused(response, level, code.to_string(), message);
    match code {
        4 | 80_007 | 130_429 | 131_048 | 131_056 | 133_016 => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refusal(Level::Network, format!("WhatsApp asks us to wait: {said}.")),
        },
        1 | 2 | 131_016 | 131_057 | 133_004 => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refusal(Level::Network, format!("WhatsApp is down for now: {said}.")),
        },
        131_000 => Outcome::Unknown(refusal(Level::Network, format!("WhatsApp failed: {said}."))),
        // token, permissions, policy, payment, registration of our user's account
        0 | 3 | 10 | 33 | 190 | 200..=299 | 368 | 131_005 | 131_031 | 131_042 | 131_045 | 133_010 => {
            Outcome::Rejected(refusal(
                Level::Integration,
                format!("WhatsApp refuses the integration's account: {said}."),
            ))
        }
        131_047 => Outcome::Rejected(refusal(
            Level::Message,
            format!("The recipient has not written for 24 hours, so WhatsApp takes only a template: {said}."),
        )),
        // caps and choices of the recipient, which change
        131_049 | 131_050 | 130_472 => Outcome::Rejected(refusal(
            Level::Message,
            format!("WhatsApp does not deliver this kind of message to the recipient now: {said}."),
        )),
        131_021 | 131_026 | 131_030 | 130_497 => Outcome::Rejected(
            refusal(Level::Endpoint, format!("WhatsApp cannot reach this number: {said}.")).health(Health::Broken),
        ),
        _ if response.status >= 500 => Outcome::Unknown(refusal(Level::Network, format!("WhatsApp failed: {said}."))),
        _ => Outcome::Rejected(refusal(
            Level::Message,
            format!("WhatsApp refused the message: {said}."),
        )),
    }
}
