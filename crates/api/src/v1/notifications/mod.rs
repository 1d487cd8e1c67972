//! The activity feed: notifications with their jobs and the traces that explain them (engine.md h).

mod list;
mod retrieve;
mod view;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[&list::ROUTE, &retrieve::ROUTE];
