//! `GET /v2/layouts/{layoutId}/usage`: the workflows with a step that names the layout.

use campanile_model::{Permission, Result};
use campanile_store::layouts::Layout;
use campanile_store::workflows::{Step, Workflow};
use serde_json::Value;

use super::named;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v2/layouts/{layoutId}/usage", "LayoutsController_getUsage", "List the workflows that use a layout", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<LayoutUsage>()
);

view! {
    /// Who uses a layout.
    LayoutUsage {
        workflows: Vec<UsingWorkflow> = "workflows";
    }
}

view! {
    /// A workflow that uses a layout.
    UsingWorkflow {
        name: String = "name";
        workflow_id: String = "workflowId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let layout = named(&call).await?;
    let workflows = users(&call, &layout).await?;
    let workflows = workflows.into_iter().map(|workflow| UsingWorkflow {
        name: workflow.name,
        workflow_id: workflow.workflow_id,
    });
    Reply::data(
        200,
        &LayoutUsage {
            workflows: workflows.collect(),
        },
    )
}

/// The workflows with a step that names the layout.
pub(super) async fn users(call: &Call, layout: &Layout) -> Result<Vec<Workflow>> {
    let mut workflows = call.store().workflows_with_layouts(&call.ctx).await?;
    workflows.retain(|workflow| workflow.steps.iter().any(|step| uses(step, layout)));
    Ok(workflows)
}

/// Whether a step names the layout.
pub(super) fn uses(step: &Step, layout: &Layout) -> bool {
    step.control_values
        .get("layoutId")
        .and_then(Value::as_str)
        .is_some_and(|name| layout.is_named(name))
}
