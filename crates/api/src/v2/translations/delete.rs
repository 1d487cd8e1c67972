//! `DELETE /v2/translations/{resourceType}/{resourceId}/{locale}`.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::translations::GONE;

use super::{locale_of_path, not_found, resource};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v2/translations/{resourceType}/{resourceId}/{locale}", "TranslationController_deleteTranslationEndpoint",
    "Delete a translation", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .status(204)
);

async fn run(call: Call) -> Result<Reply> {
    let resource = resource::of_path(&call, not_found).await?;
    let locale = locale_of_path(&call)?;
    let mut batch = Batch::new();
    call.store()
        .delete_translation(&mut batch, &call.ctx, resource.kind, resource.id, &locale);
    let reply = Reply::empty();
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(not_found()),
        Err(error) => Err(error.into()),
    }
}
