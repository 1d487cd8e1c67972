//! Cross-origin calls, as the official browser clients make them (clients.md 1.0). No cookies are involved, so any
//! origin may call; dev mode's own routes and the hosted pages allow none.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, novu-api-version, novu-application-identifier, \
     novu-client-version, novu-environment-id, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, idempotency-key, idempotency-replay, retry-after, ratelimit-limit, ratelimit-remaining, \
     ratelimit-reset, ratelimit-policy",
);

/// Answers preflights, and lets any origin read the answers.
pub(crate) async fn allow(request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path();
    if path.starts_with("/dev") || path.starts_with("/connect/") {
        return next.run(request).await;
    }
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}
