//! `DELETE /v2/workflows/{workflowId}`.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::workflows::CHANGED;

use super::{named, not_found};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/workflows/{workflowId}", "WorkflowController_removeWorkflow", "Delete a workflow", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let workflow = named(&call).await?;
    let mut batch = Batch::new();
    call.store().delete_workflow(&mut batch, &call.ctx, &workflow);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(CHANGED) => Err(not_found(call.parameter("workflowId"))),
        Err(error) => Err(error.into()),
    }
}
