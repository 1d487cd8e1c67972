//! `/dev`: the outbox as a plain live page. Texts are put into the page as texts, never as HTML.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Response, header};
use axum::routing::get;

use crate::App;

const HTML: &str = include_str!("outbox.html");
const SCRIPT: &str = include_str!("outbox.js");
const STYLE: &str = include_str!("outbox.css");
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub(super) fn add(router: Router, app: &App) -> Router {
    [
        ("/dev", HTML, "text/html"),
        ("/dev/outbox.js", SCRIPT, "text/javascript"),
        ("/dev/outbox.css", STYLE, "text/css"),
    ]
    .into_iter()
    .fold(router, |router, (path, text, kind)| {
        let app = app.clone();
        router.route(
            path,
            get(move |request: Request| async move { file(&app, &request, text, kind) }),
        )
    })
}

fn file(app: &App, request: &Request, text: &'static str, kind: &'static str) -> Response<Body> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if let Err(error) = super::check_origin(request.headers(), peer) {
        return crate::dispatch::error_answer(app, &error, request.uri().path(), "").into_response();
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&format!("{kind}; charset=utf-8")) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
