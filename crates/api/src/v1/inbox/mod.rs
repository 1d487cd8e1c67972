//! The subscriber's own side: what the official browser clients call from an inbox session (clients.md 1).
//!
//! Whose things are meant, and in which contexts, always follows from the session; what a caller says about it is not
//! looked at. What belongs to another subscriber or another set of contexts is not there.

mod channel_connections;
mod channel_endpoints;
mod chat_oauth;
mod session;
mod standing;

use crate::route::Route;

/// Where sessions begin.
pub(crate) const SESSION: &str = "/v1/inbox/session";

pub(crate) const ROUTES: &[&Route] = &[
    &session::ROUTE,
    &channel_connections::list::ROUTE,
    &channel_connections::retrieve::ROUTE,
    &channel_connections::delete::ROUTE,
    &channel_connections::oauth::ROUTE,
    &chat_oauth::ROUTE,
    &channel_endpoints::list::ROUTE,
    &channel_endpoints::create::ROUTE,
    &channel_endpoints::retrieve::ROUTE,
    &channel_endpoints::delete::ROUTE,
    &channel_endpoints::oauth::ROUTE,
    &channel_endpoints::link::ROUTE,
];
