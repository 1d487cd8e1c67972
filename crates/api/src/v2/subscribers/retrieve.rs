//! `GET /v2/subscribers/{subscriberId}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/subscribers/{subscriberId}", "SubscribersController_getSubscriber", "Retrieve a subscriber", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .answers::<view::SubscriberResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let subscriber = named(&call).await?;
    Reply::data(200, &view::one(call.store(), &call.ctx, &subscriber).await?)
}
