//! `GET /v2/topics/{topicKey}/subscriptions/{identifier}`.

use campanile_model::{Permission, Result};

use super::preferences::Named;
use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v2::topics;

pub(crate) const ROUTE: Route = route!(
    get "/v2/topics/{topicKey}/subscriptions/{identifier}", "TopicsController_getTopicSubscription",
    "Retrieve a subscription", run,
    .permit(Permission::TopicRead, Category::Configuration)
    .answers::<view::SubscriptionDetailsResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let topic = topics::named(&call).await?;
    let one = named(&call, &topic).await?;
    let workflows = Named::of(call.store(), &call.ctx, std::slice::from_ref(&one)).await?;
    Reply::data(200, &view::details(&one, &workflows))
}
