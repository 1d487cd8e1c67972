//! The generic chat webhook: our user's own receiver, with Novu's signature.

use ring::hmac;
use serde_json::{Map, Value, json};

use super::{Address, ChatDelivery, Prepared, by_status, filled, overrides, webhook};
use crate::{
    outcome::{Failure, Level, Outcome},
    transport::{Request, Response, Secretish},
};

/// The override that signs one call with another key. It never leaves this process.
const KEY: &str = "hmacSecretKey";

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let (url, channel, phone) = match delivery.address {
        Address::Webhook { url, channel } => (Some(url.as_str()), channel.as_deref(), None),
        Address::Phone { phone_number } => (
            filled(delivery.credentials, "webhookUrl"),
            None,
            Some(phone_number.as_str()),
        ),
        other => return Err(super::unfit("The chat webhook", other)),
    };
    let url = filled(delivery.overrides, "webhookUrl").or(url).ok_or_else(|| {
        Failure::new(
            Level::Endpoint,
            "webhook_url_missing",
            "Webhook URL for the chat channel is missing.",
        )
    })?;
    let (target, trust) = webhook(delivery, url, |_| false)?;
    let members = [
        ("content", Some(delivery.text)),
        ("webhookUrl", Some(url)),
        ("channel", channel),
        ("phoneNumber", phone),
    ];
    let body: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
        .collect();
    let mut body = overrides::body(Value::Object(body), delivery, overrides::as_is);
    if let Value::Object(members) = &mut body {
        members.shift_remove(KEY);
    }
    // Serialised once: the receiver checks the signature over the bytes that it gets.
    let text = body.to_string();
    let signature = signing_key(delivery).map(|key| sign(key, &text));
    let mut request = Request::post_json(target, text);
    request.set_header("Idempotency-Key", Secretish::Plain(delivery.delivery_id.to_owned()));
    if let Some(signature) = signature {
        request.set_header("X-Novu-Signature", Secretish::Plain(signature));
    }
    overrides::apply(&mut request, delivery)?;
    Ok(Prepared::new(request, trust))
}

/// 2xx is all that a receiver has to say.
pub(super) fn interpret(response: &Response) -> Outcome {
    if !response.is_success() {
        return by_status(response, "webhook");
    }
    let id = response
        .json()
        .and_then(|answer| answer["id"].as_str().map(str::to_owned));
    Outcome::Delivered {
        id,
        details: json!({ "status": response.status }),
    }
}

fn signing_key<'a>(delivery: &ChatDelivery<'a>) -> Option<&'a str> {
    filled(delivery.overrides, KEY)
        .or_else(|| filled(delivery.credentials, KEY))
        .or_else(|| filled(delivery.credentials, "secretKey"))
}

fn sign(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hex::encode(hmac::sign(&key, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// RFC 4231, test case 2.
    #[test]
    fn the_signature_is_hmac_sha256_in_hex() {
        assert_eq!(
            sign("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
