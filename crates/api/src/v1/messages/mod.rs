//! Messages (engine.md h).

mod delete;
mod delete_by_transaction;
mod list;
mod view;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&list::ROUTE, &delete::ROUTE, &delete_by_transaction::ROUTE];
