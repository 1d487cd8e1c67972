//! `GET /v2/translations/{resourceType}/{resourceId}/{locale}`.

use campanile_model::{Permission, Result};

use super::{locale_of_path, not_found, resource, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v2/translations/{resourceType}/{resourceId}/{locale}", "TranslationController_getSingleTranslation",
    "Retrieve a translation", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<view::TranslationResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let resource = resource::of_path(&call, not_found).await?;
    let locale = locale_of_path(&call)?;
    let found = call
        .store()
        .translation(&call.ctx, resource.kind, resource.id, &locale)
        .await?;
    Reply::data(200, &view::one(&resource, found.ok_or_else(not_found)?))
}
