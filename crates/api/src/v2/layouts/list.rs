//! `GET /v2/layouts`: an offset list, wrapped because its key is `layouts`.

use campanile_model::{Permission, Result};
use campanile_store::layouts::{LayoutList, LayoutOrder};

use super::view;
use crate::call::{Call, Reply};
use crate::paging::Direction;
use crate::route::{Category, Route};
use crate::shape::{Number, rules};
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/layouts", "LayoutsController_list", "List layouts", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes_query::<ListLayoutsQuery>()
    .answers::<view::LayoutPage>()
);

choices! {
    /// What a list of layouts is sorted by.
    LayoutOrderBy {
        CreatedAt = "createdAt",
        UpdatedAt = "updatedAt",
        Name = "name",
    }
}

dto! {
    /// Which layouts to list.
    ListLayoutsQuery {
        /// How many, at most 100; 50 by default.
        optional limit: Number = "limit" [rules::at_least(1), rules::at_most(100)];
        /// How many to leave out first.
        optional offset: Number = "offset" [rules::at_least(0)];
        optional order_by: LayoutOrderBy = "orderBy";
        optional direction: Direction = "orderDirection";
        /// A part of the name or the identifier.
        optional query: String = "query";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListLayoutsQuery = call.query()?;
    let list = LayoutList {
        limit: query.limit.and_then(|limit| u32::try_from(limit.0).ok()).unwrap_or(50),
        offset: query
            .offset
            .and_then(|offset| u64::try_from(offset.0).ok())
            .unwrap_or(0),
        order: match query.order_by {
            None | Some(LayoutOrderBy::CreatedAt) => LayoutOrder::Created,
            Some(LayoutOrderBy::UpdatedAt) => LayoutOrder::Updated,
            Some(LayoutOrderBy::Name) => LayoutOrder::Name,
        },
        descending: query.direction != Some(Direction::Ascending),
        query: query.query.filter(|query| !query.is_empty()),
    };
    let (layouts, total_count) = call.store().list_layouts(&call.ctx, &list).await?;
    let layouts = layouts.iter().map(view::one).collect();
    Reply::data(200, &view::LayoutPage { layouts, total_count })
}
