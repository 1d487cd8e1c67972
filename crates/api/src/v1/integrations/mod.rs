//! Integrations (api.md 4).

mod active;
mod app_manifest;
mod auto_configure;
mod conditions;
mod create;
mod delete;
mod hooks;
mod input;
mod list;
pub(crate) mod oauth;
mod set_primary;
mod update;
mod view;

use campanile_model::{Error, Result};

use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &active::ROUTE,
    &app_manifest::ROUTE,
    &create::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &set_primary::ROUTE,
    &auto_configure::ROUTE,
    &oauth::connect::ROUTE,
    &oauth::link_user::ROUTE,
    &oauth::chat::ROUTE,
    &oauth::callback::ROUTE,
    &oauth::telegram::ROUTE,
    &hooks::ROUTE,
];

/// How often a lost race is run again before the caller is asked to. Each round has a winner, so this is about how many
/// callers may change one environment's integrations at the same moment.
const TRIES: usize = 64;

/// The answer when every race was lost.
fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The integrations are being changed by others; please try again.",
        1,
    ))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("Entity with id {id} not found"))
}

fn identifier_taken() -> Error {
    Error::conflict("Integration with identifier already exists")
}
