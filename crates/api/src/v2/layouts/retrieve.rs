//! `GET /v2/layouts/{layoutId}`.

use campanile_model::{Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/layouts/{layoutId}", "LayoutsController_get", "Retrieve a layout", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<view::LayoutResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let layout = named(&call).await?;
    Reply::data(200, &view::one(&layout))
}
