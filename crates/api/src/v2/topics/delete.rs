//! `DELETE /v2/topics/{topicKey}`: with its subscriptions.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::topics::GONE;
use serde_json::json;

use super::{missing, named};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/topics/{topicKey}", "TopicsController_deleteTopic", "Delete a topic", run,
    .permit(Permission::TopicWrite, Category::Configuration)
);

async fn run(call: Call) -> Result<Reply> {
    let topic = named(&call).await?;
    let mut batch = Batch::new();
    call.store().delete_topic(&mut batch, &call.ctx, &topic);
    let reply = Reply::data(200, &json!({ "acknowledged": true }))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing(&call)),
        Err(error) => Err(error.into()),
    }
}
