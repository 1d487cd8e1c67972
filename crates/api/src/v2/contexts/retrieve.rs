//! `GET /v2/contexts/{type}/{id}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/contexts/{type}/{id}", "ContextsController_getContext", "Retrieve a context", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<view::ContextResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    Reply::data(200, &view::context(named(&call).await?))
}
