//! The hosted connect page: a customer connects their workspace, sees how it stands, chooses where messages go, mends
//! and disconnects, with a link and a browser. It works without scripts, and has none.
//!
//! Whoever holds a link may do what the link says (`campanile_connect::hosted`). A link names one place for a connection:
//! an integration, an owner (a subscriber, or nobody for a shared connection) and a set of contexts. Nothing outside of
//! that can be seen or changed with it.

mod chosen;
pub(crate) mod color;
mod disconnect;
mod form;
pub(crate) mod html;
mod names;
pub(crate) mod page;
mod pick;
mod picker;
mod remove;
mod show;
mod start;
mod test;
mod texts;
pub(crate) mod told;
mod visit;

use campanile_model::Error;

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &show::ROUTE,
    &start::ROUTE,
    &pick::ROUTE,
    &remove::ROUTE,
    &test::ROUTE,
    &disconnect::ASK,
    &disconnect::DO,
];

pub(crate) use texts::sentence;

/// The refusal of everything that needs an address that browsers can reach.
pub(crate) fn no_public_url() -> Error {
    Error::bad_request(texts::NO_PUBLIC_URL)
}
