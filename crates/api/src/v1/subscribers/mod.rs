//! Subscribers, the parts of the first API version that clients still call.

mod bulk;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&bulk::ROUTE];
