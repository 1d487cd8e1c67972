//! `PATCH /v2/contexts/{type}/{id}`: replaces the data as a whole.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::contexts::GONE;
use serde_json::{Map, Value};

use super::{check_size, missing, named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/contexts/{type}/{id}", "ContextsController_updateContext", "Update a context", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<UpdateContext>()
    .answers::<view::ContextResponse>()
);

dto! {
    /// The new data of a context.
    UpdateContext {
        /// Replaced as a whole, at most 64 KiB of JSON.
        required data: Map<String, Value> = "data";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateContext = call.body()?;
    check_size(&body.data)?;
    let read = named(&call).await?;
    let mut batch = Batch::new();
    let context = call.store().update_context(&mut batch, &call.ctx, read, body.data);
    let reply = Reply::data(200, &view::context(context))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing(&call)),
        Err(error) => Err(error.into()),
    }
}
