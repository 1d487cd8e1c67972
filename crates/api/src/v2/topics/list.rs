//! `GET /v2/topics`: paged by cursor, newest first unless the caller says otherwise.

use campanile_model::{Permission, Result};
use campanile_store::page::Order;
use campanile_store::topics::TopicFilter;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::v1::channels::given;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/topics", "TopicsController_listTopics", "List all topics", run,
    .permit(Permission::TopicRead, Category::Configuration)
    .takes_query::<ListTopicsQuery>()
    .answers_raw::<CursorPage<view::TopicResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListTopicsQuery {
        /// A part of the key, in any case.
        optional key: String = "key";
        /// A part of the name, in any case.
        optional name: String = "name";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListTopicsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.keyed_cursor(Order::Id)?;
    let filter = TopicFilter {
        key: given(query.key),
        name: given(query.name),
    };
    let page = call.store().list_topics(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(view::topic))
}
