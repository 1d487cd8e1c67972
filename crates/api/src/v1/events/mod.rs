//! Events: triggers.

pub(crate) mod accept;
mod broadcast;
mod bulk;
mod cancel;
mod decide;
mod trigger;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&trigger::ROUTE, &bulk::ROUTE, &broadcast::ROUTE, &cancel::ROUTE];
