//! Channel endpoints: where notifications for a subscriber are delivered to (channels.md 1.2).

pub(crate) mod address;
mod create;
mod delete;
mod list;
mod retrieve;
mod test_message;
mod update;
mod view;

pub(crate) use address::{known_kind, read as read_address};

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &test_message::ROUTE,
];
