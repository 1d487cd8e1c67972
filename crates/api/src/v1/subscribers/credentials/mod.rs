//! Legacy channel credentials of a subscriber (api.md 2.3): one entry for each integration.

mod change;
mod delete;
mod patch;
mod put;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&put::ROUTE, &patch::ROUTE, &delete::ROUTE];
