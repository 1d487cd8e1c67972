//! The layouts that steps name.

use campanile_model::{Error, Result};
use campanile_store::layouts::Layout;
use campanile_store::workflows::{Step, Workflow};
use serde_json::Value;

use crate::call::Call;

/// The layout that a step names, if it does.
pub(crate) fn name_of(step: &Step) -> Option<&str> {
    let name = step.control_values.get("layoutId").and_then(Value::as_str);
    name.filter(|name| !name.is_empty())
}

/// Refuses a workflow with a step that names a layout which is not there.
pub(super) async fn check(call: &Call, workflow: &Workflow) -> Result<()> {
    if workflow.steps.iter().all(|step| name_of(step).is_none()) {
        return Ok(());
    }
    check_among(workflow, &call.store().layouts_all(&call.ctx).await?)
}

/// The same, where the layouts are known.
pub(crate) fn check_among(workflow: &Workflow, layouts: &[Layout]) -> Result<()> {
    for (index, step) in workflow.steps.iter().enumerate() {
        if let Some(name) = name_of(step).filter(|name| !layouts.iter().any(|layout| layout.is_named(name))) {
            let path = format!("steps.{index}.controlValues.layoutId");
            return Err(Error::bad_request(format!("{path}: there is no layout {name}")).with("path", path));
        }
    }
    Ok(())
}
