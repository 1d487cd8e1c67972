//! Replies and errors as HTTP answers, in Novu's form (api.md 1.2).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use campanile_model::error::Kind;
use campanile_model::{Error, Time};
use serde_json::{Map, Value, json};

use crate::call::Reply;

/// An answer's status and body, before it becomes a response: what an idempotency record keeps.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    pub(crate) fn of_reply(reply: Reply) -> Self {
        Self {
            status: reply.status,
            body: reply.body,
            retry_after: None,
            headers: reply.headers,
        }
    }

    /// The error's body: `ctx` holds the members that Novu's framework adds, and the root repeats them.
    pub(crate) fn of_error(error: &Error, path: &str, now: Time, error_id: Option<&str>) -> Self {
        let (status, name) = error.kind().status();
        if error.kind() == Kind::TooMany {
            return Self {
                status,
                body: Value::from(error.message()).to_string(),
                retry_after: error.retry_after_seconds(),
                headers: HeaderMap::new(),
            };
        }
        let mut ctx = Map::new();
        if error.errors().is_none() && error.kind() != Kind::Internal && error.kind() != Kind::TooLarge {
            if error.extras().is_empty() {
                ctx.insert("statusCode".to_owned(), status.into());
            }
            ctx.insert("error".to_owned(), name.into());
        }
        ctx.extend(error.extras().clone());
        let mut body = ctx.clone();
        body.insert("statusCode".to_owned(), status.into());
        body.insert("timestamp".to_owned(), now.to_string().into());
        body.insert("path".to_owned(), path.into());
        body.insert("message".to_owned(), error.message().into());
        body.insert("ctx".to_owned(), Value::Object(ctx));
        if let Some(errors) = error.errors() {
            body.insert("errors".to_owned(), errors.clone());
        } else if error.kind() == Kind::Invalid {
            // The official clients read no 422 without it.
            let general = json!({ "messages": [error.message()], "value": "No Value Recorded" });
            body.insert("errors".to_owned(), json!({ "general": general }));
        }
        if let Some(id) = error_id {
            body.insert("errorId".to_owned(), id.into());
        }
        Self {
            status,
            body: Value::Object(body).to_string(),
            retry_after: error.retry_after_seconds(),
            headers: HeaderMap::new(),
        }
    }

    /// Whether an idempotency record may keep it: what may go better at the next try is never kept.
    pub(crate) const fn may_be_kept(&self) -> bool {
        self.status < 500 && !matches!(self.status, 401 | 408 | 429)
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(if self.body.is_empty() {
            Body::empty()
        } else {
            Body::from(self.body)
        });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.status != 204 {
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=utf-8"),
            );
        }
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

/// The answer to a path or method that is not there.
pub(crate) fn nothing_here(method: &str, path: &str) -> Error {
    Error::not_found(format!("Cannot {method} {}", mask_secrets(path)))
}

/// A request's path as errors show it: values of parameters that may be secret are masked.
pub(crate) fn mask_secrets(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let path = mask_link(path);
    let Some(query) = query else { return path };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if is_secret(key) => format!("{key}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// Links to the connect page have their secret in the path.
fn mask_link(path: &str) -> String {
    let Some(rest) = path.strip_prefix("/connect/") else {
        return path.to_owned();
    };
    let action = rest
        .split_once('/')
        .map_or(String::new(), |(_, action)| format!("/{action}"));
    format!("/connect/***{action}")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "token",
        "code",
        "state",
        "secret",
        "signature",
        "password",
        "apikey",
        "api_key",
    ]
    .iter()
    .any(|word| key.contains(word))
}

/// `Idempotency-Key` problems carry this link, as Novu's do.
pub(crate) const IDEMPOTENCY_LINK: &str = "https://docs.novu.co/additional-resources/idempotency";

/// A body with one text, for the few routes that are not part of the API.
pub(crate) fn json_response(status: u16, body: &Value) -> Response<Body> {
    Answer {
        status,
        body: body.to_string(),
        retry_after: None,
        headers: HeaderMap::new(),
    }
    .into_response()
}

/// `{"status": …}` of the health routes.
pub(crate) fn status_response(status: u16, word: &str) -> Response<Body> {
    json_response(status, &json!({ "status": word }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_ctx_are_repeated_at_the_root() {
        let error = Error::not_found("Workflow cannot be found").with("workflowId", "123");
        let answer = Answer::of_error(&error, "/v2/workflows/123", Time::from_millis(0), None);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["statusCode"], 404);
        assert_eq!(body["message"], "Workflow cannot be found");
        assert_eq!(body["workflowId"], "123");
        assert_eq!(body["ctx"]["workflowId"], "123");
        assert_eq!(body["error"], "Not Found");
        assert_eq!(body["timestamp"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn secrets_in_queries_are_masked() {
        assert_eq!(
            mask_secrets("/a?code=1&x=2&access_token=3&state=4"),
            "/a?code=***&x=2&access_token=***&state=***"
        );
        assert_eq!(mask_secrets("/a"), "/a");
        assert_eq!(mask_secrets("/connect/abc.def/pick?q=1"), "/connect/***/pick?q=1");
        assert_eq!(mask_secrets("/connect/abc.def"), "/connect/***");
    }
}
