//! Dev mode's own routes: the outbox, as JSON and as a page, and the clock. They answer only this machine and pages of their own
//! origin.

mod clock;
mod outbox;
mod page;

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, header};
use campanile_model::{Error, Result};

use crate::App;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&outbox::LIST, &outbox::CLEAR, &clock::ADVANCE];

/// Refuses calls that a page of another origin could make: a foreign `Host` (DNS rebinding) or `Origin`.
pub(crate) fn check_origin(headers: &HeaderMap, peer: Option<SocketAddr>) -> Result<()> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let local_name = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    let same_origin = headers.get(header::ORIGIN).is_none_or(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| origin.strip_prefix("http://").is_some_and(|origin| origin == host))
    });
    let local_peer = peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback());
    if local_name && same_origin && local_peer {
        return Ok(());
    }
    Err(Error::forbidden(
        "Dev mode answers only this machine, to pages of its own origin",
    ))
}

/// The page.
pub(crate) fn pages(router: Router, app: &App) -> Router {
    if app.settings().dev {
        page::add(router, app)
    } else {
        router
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(host: &'static str, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        check_origin(&headers, Some(([127, 0, 0, 1], 5000).into())).is_ok()
    }

    #[test]
    fn only_this_machine_and_its_own_pages_are_answered() {
        assert!(check("127.0.0.1:3000", None));
        assert!(check("localhost:3000", Some("http://localhost:3000")));
        assert!(!check("evil.example:3000", None));
        assert!(!check("127.0.0.1:3000", Some("http://evil.example")));
        assert!(!check("127.0.0.1:3000", Some("http://127.0.0.1:4000")));
        assert!(!check("127.0.0.1:3000", Some("null")));
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost:3000"))]);
        assert!(check_origin(&headers, Some(([10, 0, 0, 1], 5000).into())).is_err());
    }
}
