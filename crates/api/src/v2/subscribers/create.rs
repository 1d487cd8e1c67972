//! `POST /v2/subscribers`: an upsert, unless the caller wants a refusal when the subscriber exists.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;

use super::profile::{CreateSubscriber, TRIES, lost_race, too_contended, upsert};
use super::view;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Flag;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/subscribers", "SubscribersController_createSubscriber", "Create or update a subscriber", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes_query::<CreateSubscriberQuery>()
    .takes::<CreateSubscriber>()
    .answers::<view::SubscriberResponse>()
);

dto! {
    /// What happens when the subscriber exists.
    CreateSubscriberQuery {
        /// Answer 409 instead of updating.
        optional fail_if_exists: Flag = "failIfExists";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: CreateSubscriberQuery = call.query()?;
    let body: CreateSubscriber = call.body()?;
    let store = call.store();
    for _ in 0..TRIES {
        let known = store.subscriber(&call.ctx, body.id()).await?;
        if let Some(known) = &known
            && query.fail_if_exists == Some(Flag(true))
        {
            // The official client reads the body of this 409 as the existing subscriber (api.md 1.7).
            let existing = view::members(&view::one(store, &call.ctx, known).await?);
            return Err(
                Error::conflict(format!("Subscriber with id \"{}\" already exists", body.id())).with_all(existing),
            );
        }
        let mut batch = Batch::new();
        let (subscriber, _) = upsert(store, &mut batch, &call.ctx, known, body.id(), body.given());
        let reply = Reply::data(201, &view::one(store, &call.ctx, &subscriber).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
