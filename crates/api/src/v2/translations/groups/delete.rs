//! `DELETE /v2/translations/{resourceType}/{resourceId}`: in all locales.

use campanile_model::{Permission, Result};
use campanile_store::Batch;

use super::found;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/translations/{resourceType}/{resourceId}", "TranslationController_deleteTranslationGroupEndpoint",
    "Delete a translation group", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let (resource, _) = found(&call).await?;
    let mut batch = Batch::new();
    call.store()
        .delete_translations(&mut batch, &call.ctx, resource.kind, resource.id);
    let reply = Reply::empty();
    call.commit(batch, &reply).await?;
    Ok(reply)
}
