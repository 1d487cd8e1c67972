//! `GET /v2/subscribers`: search by exact values, paged by cursor.

use campanile_model::{Permission, Result};
use campanile_store::page::{Order, Page};
use campanile_store::subscribers::SubscriberFilter;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/subscribers", "SubscribersController_searchSubscribers", "Search subscribers", run,
    .permit(Permission::SubscriberRead, Category::Configuration)
    .takes_query::<SearchSubscribersQuery>()
    .answers_raw::<CursorPage<view::SubscriberResponse>>()
);

dto! {
    /// What to search for; all of it must hold.
    SearchSubscribersQuery {
        /// Exactly this e-mail address.
        optional email: String = "email";
        /// Exactly this first, last or full name.
        optional name: String = "name";
        /// Exactly this number.
        optional phone: String = "phone";
        /// Exactly this id.
        optional subscriber_id: String = "subscriberId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: SearchSubscribersQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(Order::Id)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = SubscriberFilter {
        email: given(query.email),
        phone: given(query.phone),
        subscriber_id: given(query.subscriber_id),
        name: given(query.name),
    };
    let page = call.store().list_subscribers(&call.ctx, &filter, &cursor).await?;
    let rows = view::with_channels(call.store(), &call.ctx, &page.rows).await?;
    cursor_reply(&Page {
        rows,
        next: page.next,
        previous: page.previous,
        total: page.total,
        capped: page.capped,
    })
}
