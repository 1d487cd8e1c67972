//! `GET /v1/topics/{topicKey}/subscribers/{externalSubscriberId}`: whether somebody is subscribed to a topic.

use campanile_model::{Error, Id, Permission, Result};

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v1/topics/{topicKey}/subscribers/{externalSubscriberId}", "TopicsV1Controller_getTopicSubscriber",
    "Check a subscription to a topic", run,
    .permit(Permission::TopicRead, Category::Configuration)
    .answers::<TopicSubscriberResponse>()
);

view! {
    /// Somebody who is subscribed to a topic.
    TopicSubscriberResponse {
        organization_id: Id = "_organizationId";
        environment_id: Id = "_environmentId";
        subscriber: Id = "_subscriberId";
        topic: Id = "_topicId";
        key: String = "topicKey";
        subscriber_id: String = "externalSubscriberId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let (key, id) = (call.parameter("topicKey"), call.parameter("externalSubscriberId"));
    let missing = || {
        let environment = call.ctx.environment;
        Error::not_found(format!(
            "Subscriber {id} not found for topic {key} in the environment {environment}"
        ))
    };
    let store = call.store();
    let topic = store.topic(&call.ctx, key).await?.ok_or_else(missing)?;
    let subscriber = store.subscriber(&call.ctx, id).await?.ok_or_else(missing)?;
    let subscriptions = store.subscriptions_of(&call.ctx, topic.id, vec![subscriber.id]).await?;
    if subscriptions.is_empty() {
        return Err(missing());
    }
    Reply::data(
        200,
        &TopicSubscriberResponse {
            organization_id: call.ctx.organization,
            environment_id: call.ctx.environment,
            subscriber: subscriber.id,
            topic: topic.id,
            key: topic.key,
            subscriber_id: subscriber.subscriber_id,
        },
    )
}
