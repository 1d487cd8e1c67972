//! Contexts (api.md 7.2).

mod create;
mod delete;
mod list;
mod patch;
mod retrieve;
mod view;

use campanile_model::{Error, Result, context};
use campanile_store::contexts::Context;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &patch::ROUTE,
    &delete::ROUTE,
];

/// The context that the path names, or a 404.
async fn named(call: &Call) -> Result<Context> {
    let (kind, id) = (call.parameter("type"), call.parameter("id"));
    let found = call.store().context(&call.ctx, kind, id).await?;
    found.ok_or_else(|| missing(call))
}

fn missing(call: &Call) -> Error {
    let (kind, id) = (call.parameter("type"), call.parameter("id"));
    Error::not_found(format!("Context with type '{kind}' and id '{id}' not found"))
}

fn check_size(data: &Map<String, Value>) -> Result<()> {
    context::oversize(data).map_or(Ok(()), |size| {
        let text = format!("Context data is too large ({size}KB). Maximum size is 64KB");
        Err(Error::invalid(vec![text]))
    })
}
