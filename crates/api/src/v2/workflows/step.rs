//! `GET /v2/workflows/{workflowId}/steps/{stepId}`.

use campanile_model::{Error, Permission, Result};

use super::{named, position_of, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/workflows/{workflowId}/steps/{stepId}", "WorkflowController_getWorkflowStepData", "Retrieve a workflow's step", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<view::StepResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let workflow = named(&call).await?;
    let name = call.parameter("stepId");
    let position = position_of(&workflow, name);
    let step = match position {
        Some(position) => view::step(call.store(), &call.ctx, &workflow, position).await?,
        None => None,
    };
    let missing = || {
        Error::bad_request("No step found")
            .with("stepId", name)
            .with("workflowId", call.parameter("workflowId"))
    };
    Reply::data(200, &step.ok_or_else(missing)?)
}
