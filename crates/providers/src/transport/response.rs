//! An answer, read up to a bound.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use jiff::fmt::rfc2822;
use serde_json::Value;

use crate::{outcome, redact, retry_after};

/// What a provider answered.
#[derive(Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// False when the body was longer than the bound, or when the connection was lost while it was read.
    pub complete: bool,
}

impl Response {
    /// A complete answer; for tests and fakes.
    pub fn new(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Self {
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((http::HeaderName::from_static(name), value.parse().ok()?)))
            .collect();
        Self {
            status,
            headers,
            body: body.into(),
            complete: true,
        }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON, when it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long the provider asks us to wait. A date is measured against the answer's own `Date`, so that neither
    /// our clock nor dev mode's shifted one matters.
    pub fn retry_after(&self) -> Option<Duration> {
        let answered = self
            .header("date")
            .and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        let value = self.header("retry-after")?;
        match answered {
            Some(now) => retry_after::parse(value, now),
            None => value.trim().parse().ok().and_then(retry_after::seconds),
        }
    }

    /// The body for a failure's details: without secrets and of bounded length.
    pub(crate) fn details(&self) -> Value {
        match self.json() {
            Some(value) => outcome::bounded(redact::json(&value)),
            None if self.body.is_empty() => Value::Null,
            None => Value::String(redact::text(outcome::head(&self.text(), 1024))),
        }
    }
}

impl fmt::Debug for Response {
    /// Bodies may repeat what was sent, so only their length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {} ({} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn http_date(at: Timestamp) -> String {
        rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&at)
            .unwrap()
    }

    #[test]
    fn a_date_is_measured_against_the_answers_own_date() {
        let now: Timestamp = "2001-01-01T00:00:00Z".parse().unwrap();
        let then = http_date(now + jiff::SignedDuration::from_secs(90));
        let wait = |headers: &[(&'static str, &str)]| Response::new(429, headers, "").retry_after();
        assert_eq!(
            wait(&[("date", &http_date(now)), ("retry-after", &then)]),
            Some(Duration::from_secs(90))
        );
        assert_eq!(wait(&[("retry-after", &then)]), None);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[]), None);
    }
}
