//! `GET /v2/contexts`: newest first, paged by cursor.

use campanile_model::{Permission, Result};
use campanile_store::contexts::ContextFilter;
use campanile_store::page::Order;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{CursorPage, CursorQuery, cursor_reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/contexts", "ContextsController_listContexts", "List all contexts", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes_query::<ListContextsQuery>()
    .answers_raw::<CursorPage<view::ContextResponse>>()
);

dto! {
    /// What the list is narrowed to; all of it must hold.
    ListContextsQuery {
        /// Exactly this type.
        optional kind: String = "type";
        /// Exactly this id.
        optional id: String = "id";
        /// A part of `type:id`, in any case.
        optional search: String = "search";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListContextsQuery = call.query()?;
    let cursor = call.query::<CursorQuery>()?.cursor(Order::Id)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = ContextFilter {
        kind: given(query.kind),
        identifier: given(query.id),
        search: given(query.search),
    };
    let page = call.store().list_contexts(&call.ctx, &filter, &cursor).await?;
    cursor_reply(&page.map(view::context))
}
