//! Sendblue: iMessage and SMS from our user's own number.
//! Source: docs.sendblue.com, "Sending messages".

use serde_json::{Value, json};
use url::Url;

use super::{Address, ChatDelivery, Prepared, by_status, filled, overrides, post, refused, unfit};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Response, Secretish, Trust},
};

/// Members of Sendblue's messages that have more than one word.
const KEYS: [&str; 5] = ["from_number", "media_url", "send_style", "seat_id", "status_callback"];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::Phone { phone_number } = delivery.address else {
        return Err(unfit("Sendblue", delivery.address));
    };
    let credential = |name: &str| {
        filled(delivery.credentials, name).map(str::trim).ok_or_else(|| {
            let message = format!("The Sendblue integration has no {name}.");
            Failure::new(Level::Integration, "credentials_missing", message)
        })
    };
    let mut body = json!({ "number": phone_number, "from_number": credential("from")?, "content": delivery.text });
    if let Value::Object(members) = &mut body {
        overrides::spread(members, delivery.custom_data);
    }
    let body = overrides::body(body, delivery, wire_key);
    let vendor = Url::parse("https://api.sendblue.co/api/send-message").map_err(|_| {
        let message = "Sendblue's address is not a valid URL.";
        Failure::new(Level::Integration, "invalid_url", message)
    })?;
    let url = delivery.bases.of_vendor(delivery.provider_id, &vendor);
    let mut prepared = post(delivery, url, &body, Trust::Operator)?;
    for (header, name) in [("sb-api-key-id", "apiKey"), ("sb-api-secret-key", "secretKey")] {
        let value = Secretish::Secret(credential(name)?.to_owned());
        prepared.request.set_header(header, value);
    }
    super::sendable(prepared)
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    // Numbers in some answers, texts in others.
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let code = number(&answer["error_code"]).filter(|code| *code != 0);
    let status = answer["status"].as_str().unwrap_or_default();
    if response.is_success() && code.is_none() && !matches!(status, "ERROR" | "FAILED" | "DECLINED") {
        let id = answer["message_handle"].as_str().map(str::to_owned);
        let details = json!({ "status": answer["status"] });
        return match status {
            "SENT" | "DELIVERED" | "READ" => Outcome::Delivered { id, details },
            _ => Outcome::Accepted { id, details },
        };
    }
    let said = ["error_message", "message", "error_detail"]
        .iter()
        .find_map(|name| answer[*name].as_str())
        .unwrap_or("no reason given")
        .trim_end_matches('.');
    let label = code.map_or_else(|| format!("http_{}", response.status), |code| code.to_string());
    let refusal = |level, message: String| refused(response, level, label.clone(), message);
    match (response.status, code) {
        (429, _) | (_, Some(4001 | 5003)) => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refusal(Level::Network, "Sendblue asks us to wait.".to_owned()),
        },
        (401 | 403, _) => Outcome::Rejected(refusal(
            Level::Integration,
            format!("Sendblue refuses the integration's keys: {said}."),
        )),
        (_, Some(4002)) => Outcome::Rejected(
            refusal(
                Level::Endpoint,
                format!("Sendblue does not send to this number: {said}."),
            )
            .health(Health::Broken),
        ),
        (_, Some(5000 | 10_002)) | (408 | 500.., _) => {
            Outcome::Unknown(refusal(Level::Network, format!("Sendblue failed: {said}.")))
        }
        (400 | 413 | 422, _) | (200..300, _) => Outcome::Rejected(refusal(
            Level::Message,
            format!("Sendblue refused the message: {said}."),
        )),
        _ => by_status(response, "Sendblue"),
    }
}
