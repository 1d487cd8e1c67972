//! `DELETE /v2/contexts/{type}/{id}`. What names the context keeps its key.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::contexts::GONE;

use super::{missing, named};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/contexts/{type}/{id}", "ContextsController_deleteContext", "Delete a context", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let context = named(&call).await?;
    let mut batch = Batch::new();
    call.store().delete_context(&mut batch, &call.ctx, &context);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing(&call)),
        Err(error) => Err(error.into()),
    }
}
