//! `DELETE /v2/layouts/{layoutId}`: steps that used it name none any more.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::layouts::CHANGED;
use campanile_store::workflows;

use super::usage::{users, uses};
use super::{TRIES, named, too_contended};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/layouts/{layoutId}", "LayoutsController__delete", "Delete a layout", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let store = call.store();
    for _ in 0..TRIES {
        let layout = named(&call).await?;
        if layout.is_default {
            return Err(Error::conflict(format!(
                "Layout with id {} is being used as a default layout, it can not be deleted",
                layout.id
            )));
        }
        let mut batch = Batch::new();
        for workflow in users(&call, &layout).await? {
            let mut changed = workflow.clone();
            for step in changed.steps.iter_mut().filter(|step| uses(step, &layout)) {
                step.control_values.remove("layoutId");
            }
            store.update_workflow(&mut batch, &call.ctx, &workflow, changed);
        }
        store.delete_layout(&mut batch, &call.ctx, &layout);
        let reply = Reply::empty();
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) || error.is_conflict(workflows::CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
