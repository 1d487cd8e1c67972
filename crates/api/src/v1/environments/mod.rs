//! Environments and their API keys (api.md 5.1).

mod keys;
mod list;
mod me;
mod regenerate;
mod view;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&list::ROUTE, &me::ROUTE, &keys::ROUTE, &regenerate::ROUTE];
