//! `GET /v2/topics/{topicKey}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/topics/{topicKey}", "TopicsController_getTopic", "Retrieve a topic", run,
    .permit(Permission::TopicRead, Category::Configuration)
    .answers::<view::TopicResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    Reply::data(200, &view::topic(named(&call).await?))
}
