//! `GET /v2/workflows/{workflowId}`.

use campanile_model::{Error, Permission, Result};

use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/workflows/{workflowId}", "WorkflowController_getWorkflow", "Retrieve a workflow", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes_query::<RetrieveWorkflowQuery>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// Which environment's workflow is wanted.
    RetrieveWorkflowQuery {
        /// An API key sees its own environment only.
        optional environment_id: String = "environmentId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: RetrieveWorkflowQuery = call.query()?;
    if let Some(environment) = query.environment_id.filter(|id| !id.is_empty())
        && environment != call.ctx.environment.to_string()
    {
        return Err(Error::forbidden(
            "This authentication scheme is scoped to a single environment and cannot access a different environment. \
             Use credentials from the target environment.",
        ));
    }
    let workflow = named(&call).await?;
    Reply::data(200, &view::one(call.store(), &call.ctx, &workflow).await?)
}
