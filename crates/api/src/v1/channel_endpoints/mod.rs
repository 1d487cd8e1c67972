//! Channel endpoints: where notifications for a subscriber are delivered to (channels.md 1.2).

mod address;
pub(crate) mod create;
mod delete;
mod list;
mod retrieve;
mod update;
mod view;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
];
