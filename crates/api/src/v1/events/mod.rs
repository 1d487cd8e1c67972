//! Events: triggers.

pub(crate) mod trigger;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&trigger::ROUTE];
