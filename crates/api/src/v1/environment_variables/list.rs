//! `GET /v1/environment-variables`: oldest first, all of them.

use campanile_model::{Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environment-variables", "EnvironmentVariablesController_listEnvironmentVariables",
    "List all environment variables", run,
    .permit(Permission::EnvironmentRead, Category::Configuration)
    .takes_query::<ListEnvironmentVariablesQuery>()
    .answers::<Vec<view::EnvironmentVariableResponse>>()
);

dto! {
    /// What the list is narrowed to.
    ListEnvironmentVariablesQuery {
        /// A part of the key, in any case.
        optional search: String = "search" [rules::length(0, 256)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListEnvironmentVariablesQuery = call.query()?;
    let search = query.search.unwrap_or_default().to_lowercase();
    let variables = call.store().environment_variables(&call.ctx).await?;
    let shown: Result<Vec<_>> = variables
        .iter()
        .filter(|variable| variable.key.to_lowercase().contains(&search))
        .map(|variable| view::one(call.store(), &call.ctx, variable))
        .collect();
    Reply::data(200, &shown?)
}
