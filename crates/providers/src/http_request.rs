//! The call of a workflow's HTTP request step: how it is built and signed, and what its answer means to the workflow.

use std::time::Duration;

use http::Method;
use ring::hmac;
use serde_json::{Map, Value, json};
use url::Url;

use crate::outcome;
use crate::transport::{Request, Response, Secretish, TransportError};

/// How long a receiver has to answer unless the step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A step says no more than this.
const LONGEST: Duration = Duration::from_secs(30);
/// So much of an answer is shown in the story.
const SHOWN: usize = 10_240;
/// Larger answers are not kept for later steps.
const LARGEST: usize = 256 * 1024;

/// Builds the call from the step's rendered controls, without its signature; `Err` says what is wrong with them. Values
/// of headers are never shown, because keys are among them.
pub fn prepare(controls: &Value) -> Result<Request, String> {
    let text = |name: &str| {
        controls
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .unwrap_or_default()
    };
    let address = text("url");
    if address.is_empty() {
        return Err("HTTP request step is missing a URL. Please configure a URL in the step settings.".to_owned());
    }
    let url =
        Url::parse(address).map_err(|error| format!("The URL of the HTTP request step is not valid: {error}."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The URL of the HTTP request step must begin with http:// or https://.".to_owned());
    }
    let method = match text("method") {
        "" => Method::POST,
        name => match name.to_ascii_uppercase().as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => return Err(format!("The HTTP request step cannot use the method {name}.")),
        },
    };
    let mut request = Request::new(method, url);
    let timeout = controls
        .get("timeout")
        .and_then(Value::as_u64)
        .filter(|millis| *millis > 0);
    request.timeout = Some(timeout.map_or(TIMEOUT, Duration::from_millis).min(LONGEST));
    if request.method != Method::GET
        && let Some(body) = body(controls.get("body"))
    {
        request.body = body.into();
        request.content_type = Some("application/json");
    }
    for (name, value) in pairs(controls.get("headers")).filter(|(name, _)| !name.is_empty()) {
        if name.eq_ignore_ascii_case("content-type") {
            request.content_type = None;
        }
        request.set_header(name, Secretish::Secret(value.to_owned()));
    }
    match request.invalid_header() {
        Some(name) => Err(format!("The header \"{name}\" of the HTTP request step is not valid.")),
        None => Ok(request),
    }
}

fn body(given: Option<&Value>) -> Option<String> {
    match given {
        Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        // As older workflows have it.
        Some(list @ Value::Array(items)) if !items.is_empty() => {
            let members: Map<String, Value> = pairs(Some(list))
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            Some(Value::Object(members).to_string())
        }
        _ => None,
    }
}

fn pairs(list: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some((item.get("key")?.as_str()?.trim(), item.get("value")?.as_str()?)))
}

/// Signs the call as the original signs what it sends to its users' servers. `now` is the real time: receivers refuse
/// what is old.
pub fn sign(request: &mut Request, secret: &str, now_millis: i64) {
    let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(format!("{now_millis}.").as_bytes());
    context.update(body);
    let tag = hex::encode(context.sign().as_ref());
    request.set_header("novu-signature", Secretish::Plain(format!("t={now_millis},v1={tag}")));
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What later steps see; `Err` says why there is nothing.
    pub result: Result<Value, String>,
    /// What was answered instead of an object.
    pub is_other: bool,
    /// The status and the beginning of the body, for the story.
    pub shown: Value,
}

/// Reads an answer, or its absence.
pub fn interpret(request: &Request, response: Result<Response, TransportError>) -> Answer {
    let response = match response {
        Ok(response) => response,
        Err(error) => {
            let text = request.scrub(&error.to_string());
            let shown = json!({ "message": text });
            return Answer {
                result: Err(text),
                is_other: false,
                shown,
            };
        }
    };
    let body = request.scrub(&response.text());
    let mut beginning = outcome::head(&body, SHOWN).to_owned();
    if beginning.len() < body.len() {
        beginning.push_str("... [truncated]");
    }
    let shown = json!({ "status": response.status, "body": beginning });
    let answer = |result, is_other| Answer {
        result,
        is_other,
        shown,
    };
    if !response.is_success() {
        return answer(
            Err(format!("The receiver answered with status {}.", response.status)),
            false,
        );
    }
    if !response.complete || response.body.len() > LARGEST {
        return answer(
            Err(format!("The answer is incomplete or longer than {LARGEST} bytes.")),
            false,
        );
    }
    match response.json() {
        Some(object @ Value::Object(_)) => answer(Ok(object), false),
        None if response.body.is_empty() => answer(Ok(json!({})), false),
        _ => answer(Ok(json!({})), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_built_from_its_controls() {
        let request = prepare(&json!({
            "method": "put", "url": " https://a.example/x?y=1 ", "body": "{\"n\": 1}", "timeout": 100,
            "headers": [{ "key": "X-Key", "value": "canary" }, { "key": "", "value": "" }],
        }))
        .unwrap();
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("PUT", "https://a.example/x?y=1")
        );
        assert_eq!(
            (request.body.as_ref(), request.timeout),
            (b"{\"n\": 1}".as_ref(), Some(Duration::from_millis(100)))
        );
        assert_eq!(request.header("x-key"), Some("canary"));
        assert!(!request.redacted().to_string().contains("canary"));
        let legacy = json!({ "url": "https://a.example", "body": [{ "key": "a", "value": "b" }] });
        let request = prepare(&legacy).unwrap();
        assert_eq!(
            (request.method, request.body.as_ref()),
            (Method::POST, b"{\"a\":\"b\"}".as_ref())
        );
        let typed = json!({ "url": "https://a.example", "body": "x", "headers": [{ "key": "Content-Type", "value": "text/plain" }] });
        assert_eq!(prepare(&typed).unwrap().content_type, None);
        let get = json!({ "method": "GET", "url": "https://a.example", "body": "{}", "timeout": 99_000_000 });
        let request = prepare(&get).unwrap();
        assert!(request.body.is_empty());
        assert_eq!(request.timeout, Some(LONGEST));
    }

    #[test]
    fn wrong_controls_are_told() {
        for (controls, told) in [
            (json!({ "method": "POST" }), "is missing a URL"),
            (json!({ "url": "nonsense" }), "is not valid"),
            (json!({ "url": "file:///etc/passwd" }), "must begin with http"),
            (
                json!({ "url": "https://a.b", "method": "TRACE" }),
                "cannot use the method",
            ),
            (
                json!({ "url": "https://a.b", "headers": [{ "key": "a b", "value": "x" }] }),
                "header",
            ),
            (
                json!({ "url": "https://a.b", "headers": [{ "key": "a", "value": "x\r\ny: z" }] }),
                "header",
            ),
        ] {
            let problem = prepare(&controls).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn a_signature_is_made_over_time_and_body() {
        let mut request = prepare(&json!({ "url": "https://a.example", "body": "{\"a\":1}" })).unwrap();
        sign(&mut request, "secret", 1_700_000_000_000);
        let header = request.header("novu-signature").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let tag = hex::decode(header.strip_prefix("t=1700000000000,v1=").unwrap()).unwrap();
        assert!(hmac::verify(&key, b"1700000000000.{\"a\":1}", &tag).is_ok());
        let mut empty = prepare(&json!({ "method": "GET", "url": "https://a.example" })).unwrap();
        sign(&mut empty, "secret", 5);
        let tag = empty
            .header("novu-signature")
            .unwrap()
            .strip_prefix("t=5,v1=")
            .unwrap()
            .to_owned();
        assert!(hmac::verify(&key, b"5.{}", &hex::decode(tag).unwrap()).is_ok());
    }

    #[test]
    fn answers_are_read() {
        let request = prepare(&json!({ "url": "https://a.example" })).unwrap();
        let read = |status: u16, body: &'static str| interpret(&request, Ok(Response::new(status, &[], body)));
        assert_eq!(read(200, "{\"a\":1}").result, Ok(json!({ "a": 1 })));
        assert_eq!(
            read(204, ""),
            Answer {
                result: Ok(json!({})),
                is_other: false,
                shown: json!({ "status": 204, "body": "" })
            }
        );
        assert!(read(200, "[1]").is_other && read(200, "hello").is_other);
        assert!(read(500, "{\"a\":1}").result.is_err());
        let long = interpret(&request, Ok(Response::new(200, &[], "x".repeat(20_000))));
        assert!(long.shown["body"].as_str().unwrap().ends_with("x... [truncated]"));
        let none = interpret(&request, Err(TransportError::NotSent("refused".to_owned())));
        assert_eq!(none.result, Err("not sent: refused".to_owned()));
    }
}
