//! `GET /v2/workflows`: an offset list, wrapped because its key is `workflows`.

use campanile_model::channel::WorkflowStatus;
use campanile_model::{Permission, Result};
use campanile_store::workflows::{WorkflowList, WorkflowOrder};

use super::view;
use crate::call::{Call, Reply};
use crate::paging::Direction;
use crate::route::{Category, Route};
use crate::shape::{Many, Number, rules};
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/workflows", "WorkflowController_searchWorkflows", "List workflows", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes_query::<ListWorkflowsQuery>()
    .answers::<view::WorkflowPage>()
);

choices! {
    /// What a list of workflows is sorted by.
    OrderBy {
        CreatedAt = "createdAt",
        UpdatedAt = "updatedAt",
        Name = "name",
        LastTriggeredAt = "lastTriggeredAt",
    }
}

dto! {
    /// Which workflows to list; all of it must hold.
    ListWorkflowsQuery {
        /// How many, at most 100; 50 by default.
        optional limit: Number = "limit" [rules::at_least(1), rules::at_most(100)];
        /// How many to leave out first.
        optional offset: Number = "offset" [rules::at_least(0)];
        optional order_by: OrderBy = "orderBy";
        optional direction: Direction = "orderDirection";
        /// A part of the name, the identifier or a tag.
        optional query: String = "query";
        /// Any of these tags.
        optional tags: Many<String> = "tags";
        /// Any of these.
        optional status: Many<WorkflowStatus> = "status";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListWorkflowsQuery = call.query()?;
    let list = WorkflowList {
        limit: query.limit.and_then(|limit| u32::try_from(limit.0).ok()).unwrap_or(50),
        offset: query
            .offset
            .and_then(|offset| u64::try_from(offset.0).ok())
            .unwrap_or(0),
        order: match query.order_by {
            None | Some(OrderBy::CreatedAt) => WorkflowOrder::Created,
            Some(OrderBy::UpdatedAt) => WorkflowOrder::Updated,
            Some(OrderBy::Name) => WorkflowOrder::Name,
            Some(OrderBy::LastTriggeredAt) => WorkflowOrder::LastTriggered,
        },
        descending: query.direction != Some(Direction::Ascending),
        query: query.query.filter(|query| !query.is_empty()),
        tags: query
            .tags
            .map(|tags| tags.0.into_iter().filter(|tag| !tag.is_empty()).collect())
            .unwrap_or_default(),
        status: query.status.map(|status| status.0).unwrap_or_default(),
    };
    let (workflows, total) = call.store().list_workflows(&call.ctx, &list).await?;
    Reply::data(200, &view::page(call.store(), &call.ctx, &workflows, total).await?)
}
