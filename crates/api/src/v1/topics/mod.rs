//! What topics have left in the API's first version.

mod subscriber;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&subscriber::ROUTE];
