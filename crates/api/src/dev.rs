//! Dev mode's own routes.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, header};
use campanile_model::{Error, Result};

use crate::App;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[];

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

pub(crate) fn pages(router: Router, _app: &App) -> Router {
    router
}
