//! Subscribers (api.md 2).

mod create;
mod delete;
mod list;
mod patch;
pub(crate) mod preferences;
mod profile;
mod retrieve;
mod subscriptions;
pub(crate) mod view;

use campanile_model::{Error, Result};
use campanile_store::subscribers::Subscriber;

use crate::call::Call;
use crate::route::Route;

pub(crate) use profile::{CreateSubscriber, lost_race, subscriber_id_rule, too_contended, upsert};

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &patch::ROUTE,
    &delete::ROUTE,
    &subscriptions::ROUTE,
];

/// The subscriber that the path names, or a 404.
async fn named(call: &Call) -> Result<Subscriber> {
    let id = call.parameter("subscriberId");
    call.store()
        .subscriber(&call.ctx, id)
        .await?
        .ok_or_else(|| Error::not_found(format!("Subscriber: {id} was not found")))
}
