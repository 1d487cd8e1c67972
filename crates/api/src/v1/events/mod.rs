//! Events: triggers, and what became of them.

pub(crate) mod accept;
mod broadcast;
mod bulk;
mod cancel;
mod decide;
pub(crate) mod dry_run;
mod explain;
mod trigger;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &trigger::ROUTE,
    &bulk::ROUTE,
    &broadcast::ROUTE,
    &cancel::ROUTE,
    &explain::ROUTE,
];
