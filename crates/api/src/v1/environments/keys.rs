//! `GET /v1/environments/api-keys`.

use campanile_model::{Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/environments/api-keys", "EnvironmentsControllerV1_listOrganizationApiKeys", "List API keys", run,
    .permit(Permission::ApiKeyRead, Category::Configuration)
    .answers::<Vec<view::ApiKeyResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    Reply::data(200, &shown(&call).await?)
}

/// The keys of the caller's environment, if the caller may see them.
pub(super) async fn shown(call: &Call) -> Result<Vec<view::ApiKeyResponse>> {
    if !call.ctx.permissions.allows(Permission::ApiKeyRead) {
        return Ok(Vec::new());
    }
    let keys = call.store().api_keys(&call.ctx).await?;
    Ok(keys.iter().map(|(key, secret)| view::key(key, secret)).collect())
}
