//! Subscribers, the parts of the first API version that clients still call.

mod bulk;
pub(crate) mod credentials;
mod online_status;
mod revoke_sessions;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&bulk::ROUTE, &online_status::ROUTE, &revoke_sessions::ROUTE];
