//! `POST /v1/environments/api-keys/regenerate`: one new key; the old ones die at once.

use campanile_model::{Permission, Result};
use campanile_store::Batch;

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/environments/api-keys/regenerate", "EnvironmentsControllerV1_regenerateOrganizationApiKeys",
    "Replace all API keys by a new one", run,
    .permit(Permission::ApiKeyWrite, Category::Configuration)
    .answers::<Vec<view::ApiKeyResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let mut batch = Batch::new();
    let secret = call.store().replace_api_keys(&mut batch, &call.ctx)?;
    let reply = Reply::data(201, &vec![view::new_key(&call.ctx, secret)])?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
