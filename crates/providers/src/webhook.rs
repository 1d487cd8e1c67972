//! Outbound webhooks by the Standard Webhooks specification: how a call is signed, and what its answer means.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use serde_json::json;
use url::Url;

use crate::outcome::{Failure, Health, Level, Outcome};
use crate::transport::{Request, Response, Secretish, TransportError};

/// What secrets begin with.
pub const PREFIX: &str = "whsec_";
/// A receiver has so long to answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// One call to a receiver.
#[derive(Clone, Copy)]
pub struct WebhookRequest<'a> {
    /// Where to.
    pub url: &'a Url,
    /// The same in each attempt: receivers tell repetitions by it.
    pub id: &'a str,
    /// When this attempt is made, in seconds since 1970 by the real clock: receivers refuse what is old.
    pub timestamp: i64,
    /// Exactly what goes out.
    pub body: &'a str,
    /// Each of these signs.
    pub secrets: &'a [String],
}

/// A secret of these random bytes.
pub fn secret(random: &[u8]) -> String {
    format!("{PREFIX}{}", BASE64.encode(random))
}

/// Builds the call.
pub fn prepare(webhook: &WebhookRequest<'_>) -> Request {
    let mut request = Request::post_json(webhook.url.clone(), webhook.body.to_owned());
    request.timeout = Some(TIMEOUT);
    let signatures: Vec<String> = webhook.secrets.iter().map(|secret| sign(secret, webhook)).collect();
    for (name, value) in [
        ("webhook-id", webhook.id.to_owned()),
        ("webhook-timestamp", webhook.timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        request.set_header(name, Secretish::Plain(value));
    }
    request
}

fn sign(secret: &str, webhook: &WebhookRequest<'_>) -> String {
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    // Every secret is ours, so it is base64; another one would sign with its own bytes.
    let key = BASE64.decode(encoded).unwrap_or_else(|_| encoded.as_bytes().to_vec());
    let signed = format!("{}.{}.{}", webhook.id, webhook.timestamp, webhook.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", BASE64.encode(tag.as_ref()))
}

/// Reads the answer, or its absence. Also clean with [`Outcome::scrubbed`] before storing.
pub fn interpret(response: Result<Response, TransportError>) -> Outcome {
    let response = match response {
        Ok(response) => response,
        Err(error) => return unanswered(&error),
    };
    let status = response.status;
    let failure = |message: String| Failure {
        details: Box::new(response.details()),
        ..Failure::new(Level::Endpoint, format!("http_{status}"), message).status(status)
    };
    match status {
        200..300 => Outcome::Delivered {
            id: None,
            details: json!({ "status": status, "response": response.details() }),
        },
        // The receiver says that it is gone for good.
        410 => Outcome::Rejected(failure("The receiver is gone (status 410).".to_owned()).health(Health::Broken)),
        // A receiver under construction answers anything for a while: all of it is tried again.
        300..400 => Outcome::RetryAt {
            after: None,
            failure: failure(format!(
                "The receiver answers with a redirect (status {status}), which is not followed. Use the address that it \
                 leads to."
            )),
        },
        _ => Outcome::RetryAt {
            after: response.retry_after(),
            failure: failure(format!("The receiver did not accept the call (status {status}).")),
        },
    }
}

fn unanswered(error: &TransportError) -> Outcome {
    match error {
        TransportError::Blocked(reason) => Outcome::Rejected(Failure::new(
            Level::Endpoint,
            "url_blocked",
            format!("The address is blocked: {reason}."),
        )),
        TransportError::NotSent(_) => Outcome::RetryAt {
            after: None,
            failure: Failure::new(
                Level::Network,
                "not_sent",
                format!("The receiver could not be reached: {error}."),
            ),
        },
        TransportError::Unknown(_) => Outcome::Unknown(Failure::new(
            Level::Network,
            "no_answer",
            format!("The receiver did not answer in time: {error}."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"test": 2432232314}"#;

    fn request(secrets: &[&str]) -> Request {
        let url = Url::parse("https://receiver.example/hook?token=canary").unwrap();
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        prepare(&WebhookRequest {
            url: &url,
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: BODY,
            secrets: &secrets,
        })
    }

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let request = request(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        assert_eq!(
            request.header("webhook-signature"),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        assert_eq!(request.header("webhook-id"), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        assert_eq!(request.header("webhook-timestamp"), Some("1614265330"));
        assert_eq!(&request.body[..], BODY.as_bytes());
    }

    #[test]
    fn each_secret_signs() {
        let (one, other) = (secret(&[1; 32]), secret(&[2; 32]));
        let both = request(&[&one, &other]);
        let alone = [request(&[&one]), request(&[&other])];
        let alone = alone.map(|request| request.header("webhook-signature").unwrap().to_owned());
        assert_eq!(both.header("webhook-signature"), Some(alone.join(" ").as_str()));
        assert_ne!(alone[0], alone[1]);
    }

    #[test]
    fn only_success_ends_well_and_only_gone_ends_for_good() {
        let read = |status| interpret(Ok(Response::new(status, &[("retry-after", "7")], "nope")));
        assert!(matches!(read(204), Outcome::Delivered { .. }));
        assert!(matches!(
            read(410),
            Outcome::Rejected(Failure {
                health: Some(Health::Broken),
                ..
            })
        ));
        for status in [301, 400, 401, 404, 429, 500, 503] {
            assert!(matches!(read(status), Outcome::RetryAt { .. }), "{status}");
        }
        let asked = Some(Duration::from_secs(7));
        assert!(matches!(read(429), Outcome::RetryAt { after, .. } if after == asked));
        let lost = interpret(Err(TransportError::Unknown("timed out".to_owned())));
        assert!(matches!(lost, Outcome::Unknown(_)));
    }
}
