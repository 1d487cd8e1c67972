//! Topics (api.md 3).

mod create;
mod delete;
mod list;
mod retrieve;
pub(crate) mod subscriptions;
mod update;
pub(crate) mod view;

use campanile_engine::recipients;
use campanile_model::{Error, Result};
use campanile_store::topics::Topic;

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
];

/// How often a lost race is run again before the caller is asked to.
const TRIES: usize = 8;

/// The topic that the path names, or a 404.
pub(crate) async fn named(call: &Call) -> Result<Topic> {
    let found = call.store().topic(&call.ctx, call.parameter("topicKey")).await?;
    found.ok_or_else(|| missing(call))
}

fn missing(call: &Call) -> Error {
    Error::not_found(format!("Topic with key {} not found", call.parameter("topicKey")))
}

/// What a new topic may be called by; those that are there keep their keys.
fn check_key(key: &str) -> Result<()> {
    if recipients::is_id(key) && key.chars().count() <= campanile_store::topics::LONGEST {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "Invalid topic key: \"{key}\". Topic keys must contain only alphanumeric characters (a-z, A-Z, 0-9), hyphens (-), \
         underscores (_), colons (:), or be a valid email address."
    )))
}

/// The answer when every race was lost.
fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The topic is being changed by others; please try again.",
        1,
    ))
}
