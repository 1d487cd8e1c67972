//! `GET /v2/subscribers/{subscriberId}/subscriptions`: the topics that somebody is subscribed to, newest first.

use campanile_model::{Error, Permission, Result};
use campanile_store::page::{Order, Page};
use campanile_store::subscriptions::SubscriptionFilter;

use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::shape::Many;
use crate::v1::channels::{context_filter, given};
use crate::v2::topics::subscriptions::view::{TopicSubscriptionResponse, listed};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/subscribers/{subscriberId}/subscriptions", "SubscribersController_listSubscriberTopics",
    "List a subscriber's subscriptions", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .takes_query::<ListSubscriberTopicsQuery>()
    .answers_raw::<CursorPage<TopicSubscriptionResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListSubscriberTopicsQuery {
        /// The key of a topic.
        optional key: String = "key";
        /// Exactly this set of contexts; empty for those without any.
        optional context_keys: Many<String> = "contextKeys";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListSubscriberTopicsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(Order::Id)?;
    let id = call.parameter("subscriberId");
    let found = call.store().subscriber(&call.ctx, id).await?;
    let subscriber = found.ok_or_else(|| Error::not_found(format!("Subscriber not found: {id}")))?;
    let topic = match given(query.key) {
        None => None,
        Some(key) => match call.store().topic(&call.ctx, &key).await? {
            Some(topic) => Some(topic.id),
            None => return cursor_reply(&Page::<TopicSubscriptionResponse>::nothing()),
        },
    };
    let filter = SubscriptionFilter {
        topic,
        subscriber: Some(subscriber.id),
        contexts: context_filter(query.context_keys),
    };
    let page = call.store().list_subscriptions(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(listed))
}
