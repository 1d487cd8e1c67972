//! `PATCH /v2/topics/{topicKey}`: gives a topic another name.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::topics::GONE;

use super::{missing, named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/topics/{topicKey}", "TopicsController_updateTopic", "Rename a topic", run,
    .permit(Permission::TopicWrite, Category::Configuration)
    .takes::<UpdateTopic>()
    .answers::<view::TopicResponse>()
);

dto! {
    /// The new name of a topic.
    UpdateTopic {
        required name: String = "name" [rules::not_empty, rules::length(0, 100)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateTopic = call.body()?;
    let read = named(&call).await?;
    let mut batch = Batch::new();
    let topic = call.store().rename_topic(&mut batch, &call.ctx, read, body.name);
    let reply = Reply::data(200, &view::topic(topic))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing(&call)),
        Err(error) => Err(error.into()),
    }
}
