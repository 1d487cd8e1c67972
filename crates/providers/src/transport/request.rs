//! A call as it will be sent, which can be shown without its secrets.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use crate::redact::{self, MASK};

/// Headers whose value is always masked, whoever set it.
const SECRET_HEADERS: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-postmark-server-token",
    "accesskey",
    "sb-api-secret-key",
    "sb-api-key-id",
];

/// A header's value, which says whether it may be shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secretish {
    /// May be shown.
    Plain(String),
    /// Must never be shown.
    Secret(String),
}

impl Secretish {
    /// The value as it goes over the wire.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) | Self::Secret(value) => value,
        }
    }
}

impl fmt::Debug for Secretish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => value.fmt(f),
            Self::Secret(_) => f.write_str(MASK),
        }
    }
}

/// One outgoing HTTP call.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, Secretish)>,
    pub body: Bytes,
    /// Absent when there is no body.
    pub content_type: Option<&'static str>,
    /// How long the whole call may take, when it is not what the transport is set up with.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A call without headers and body.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            content_type: None,
            timeout: None,
        }
    }

    /// A GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST whose body is exactly `text`: signatures are made over the same bytes.
    pub fn post_json(url: Url, text: String) -> Self {
        Self {
            body: text.into(),
            content_type: Some("application/json; charset=utf-8"),
            ..Self::new(Method::POST, url)
        }
    }

    /// A POST of a form, as token endpoints take it.
    pub fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self {
            body: form.into(),
            content_type: Some("application/x-www-form-urlencoded"),
            ..Self::new(Method::POST, url)
        }
    }

    /// Sets a header, in place of one of the same name.
    pub fn set_header(&mut self, name: &str, value: Secretish) {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.expose())
    }

    /// The name of the first header that HTTP does not allow.
    pub fn invalid_header(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, value)| {
                http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value.expose()).is_err()
            })
            .map(|(name, _)| name.as_str())
    }

    /// The call for people to read: `{method, url, headers, body}` with everything secret masked. Texts of the
    /// message stay as they are, links in them included.
    pub fn redacted(&self) -> Value {
        let headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let hidden = matches!(value, Secretish::Secret(_))
                    || SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
                // The scheme of an authorization helps to see what is wrong with it.
                let shown = match value.expose().split_once(' ') {
                    Some((scheme @ ("Bearer" | "Basic" | "App" | "AccessKey" | "Bot"), _)) if hidden => {
                        format!("{scheme} {MASK}")
                    }
                    _ if hidden => MASK.to_owned(),
                    _ => self.scrub(value.expose()),
                };
                (name.to_ascii_lowercase(), Value::String(shown))
            })
            .collect();
        let body = match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) => self.scrub_json(&value),
            Err(_) if self.body.is_empty() => Value::Null,
            Err(_) => Value::String(self.scrub(&String::from_utf8_lossy(&self.body))),
        };
        json!({ "method": self.method.as_str(), "url": redact::url(&self.url), "headers": headers, "body": body })
    }

    /// `text` without the secrets of this call.
    pub fn scrub(&self, text: &str) -> String {
        redact::replace(&self.without_url(text), &self.secrets())
    }

    /// `value` without the secrets of this call.
    pub fn scrub_json(&self, value: &Value) -> Value {
        let secrets = self.secrets();
        redact::map_json(value, &|text| redact::replace(&self.without_url(text), &secrets))
    }

    fn without_url(&self, text: &str) -> String {
        text.replace(self.url.as_str(), &redact::url(&self.url))
    }

    fn secrets(&self) -> Vec<String> {
        let mut secrets = redact::url_secrets(&self.url);
        for (_, value) in &self.headers {
            if let Secretish::Secret(value) = value {
                secrets.push(value.clone());
                secrets.extend(value.split_once(' ').map(|(_, token)| token.to_owned()));
            }
        }
        // A secret that contains another one must go first, or a part of it would stay.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({} bytes)",
            self.method,
            redact::url(&self.url),
            self.body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let url = Url::parse("https://hooks.slack.com/services/T1/B1/canary-path?sig=canary-sig").unwrap();
        let body = json!({
            "text": "canary-token and https://app.example/login?token=abc",
            "webhookUrl": url.as_str(), "hmacSecretKey": "canary-hmac",
        });
        let mut request = Request::post_json(url, body.to_string());
        request.set_header("Authorization", Secretish::Secret("Bearer canary-token".to_owned()));
        request.set_header("X-Plain", Secretish::Plain("shown".to_owned()));
        request.set_header("Cookie", Secretish::Plain("canary-cookie".to_owned()));
        request
    }

    #[test]
    fn no_canary_survives() {
        let shown = request().redacted();
        assert!(!shown.to_string().contains("canary"), "{shown:#}");
        assert!(!format!("{:?} {:?}", request(), request().headers[0]).contains("canary"));
        assert_eq!(
            shown["headers"],
            json!({ "authorization": "Bearer ***", "x-plain": "shown", "cookie": "***" })
        );
        assert_eq!(shown["body"]["text"], "*** and https://app.example/login?token=abc");
        assert_eq!(shown["method"], "POST");
    }

    #[test]
    fn a_header_is_replaced_whatever_its_case() {
        let mut request = request();
        request.set_header("AUTHORIZATION", Secretish::Secret("Bearer b".to_owned()));
        assert_eq!(request.header("authorization"), Some("Bearer b"));
        assert_eq!(request.headers.len(), 3);
        assert_eq!(request.invalid_header(), None);
        request.set_header("x", Secretish::Secret("a\r\nb: c".to_owned()));
        assert_eq!(request.invalid_header(), Some("x"));
    }
}
