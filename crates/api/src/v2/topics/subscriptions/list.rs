//! `GET /v2/topics/{topicKey}/subscriptions`: paged by cursor, newest first.

use campanile_model::{Permission, Result};
use campanile_store::page::{Order, Page};
use campanile_store::subscriptions::SubscriptionFilter;

use super::view::{TopicSubscriptionResponse, listed};
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::shape::Many;
use crate::v1::channels::{context_filter, given};
use crate::v2::topics;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/topics/{topicKey}/subscriptions", "TopicsController_listTopicSubscriptions", "List a topic's subscriptions", run,
    .permit(Permission::TopicRead, Category::Configuration)
    .takes_query::<ListTopicSubscriptionsQuery>()
    .answers_raw::<CursorPage<TopicSubscriptionResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListTopicSubscriptionsQuery {
        /// Only this subscriber's.
        optional subscriber_id: String = "subscriberId";
        /// Exactly this set of contexts; empty for those without any.
        optional context_keys: Many<String> = "contextKeys";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListTopicSubscriptionsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(Order::Id)?;
    let topic = topics::named(&call).await?;
    let subscriber = match given(query.subscriber_id) {
        None => None,
        Some(id) => match call.store().subscriber(&call.ctx, &id).await? {
            Some(subscriber) => Some(subscriber.id),
            // Nobody of that name is subscribed to anything.
            None => return cursor_reply(&Page::<TopicSubscriptionResponse>::nothing()),
        },
    };
    let filter = SubscriptionFilter {
        topic: Some(topic.id),
        subscriber,
        contexts: context_filter(query.context_keys),
    };
    let page = call.store().list_subscriptions(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(listed))
}
