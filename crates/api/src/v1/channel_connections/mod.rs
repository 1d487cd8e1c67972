//! Channel connections: whose workspace or tenant notifications go to (channels.md 1.1).

mod auth;
mod check;
mod create;
mod delete;
mod destinations;
mod list;
mod mask;
pub(crate) mod mode;
mod retrieve;
mod session;
mod test_message;
mod update;
mod verify;
mod view;

use campanile_model::{Error, Result};
use campanile_store::connections::Connection;

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &session::ROUTE,
    &update::ROUTE,
    &verify::ROUTE,
    &delete::ROUTE,
    &destinations::ROUTE,
    &test_message::ROUTE,
    &check::ROUTE,
];

/// The connection that the path names, or a 404. The reference quotes the identifier with another sign on a PATCH.
async fn named(call: &Call, quote: char) -> Result<Connection> {
    let identifier = call.parameter("identifier");
    call.store().connection(&call.ctx, identifier).await?.ok_or_else(|| {
        Error::not_found(format!(
            "Channel connection with identifier {quote}{identifier}{quote} not found"
        ))
    })
}
