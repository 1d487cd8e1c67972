//! `DELETE /v1/integrations/{integrationId}`: with its connections, endpoints and legacy channels. Answers what is left.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::integrations::lost_race;

use super::{TRIES, too_contended, unknown, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/integrations/{integrationId}", "IntegrationsController_removeIntegration", "Delete an integration", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .answers::<Vec<view::IntegrationResponse>>()
);

async fn run(call: Call) -> Result<Reply> {
    let id = call.parameter("integrationId");
    let store = call.store();
    for _ in 0..TRIES {
        let health = store.integrations_health(&call.ctx).await?;
        let known = store.integrations_to_change(&call.ctx).await?;
        let gone = known.find(id).ok_or_else(|| unknown(id))?;
        let mut batch = Batch::new();
        let left = store.delete_integration(&mut batch, &call.ctx, &known, gone).await?;
        let reply = Reply::data(200, &view::listed(store, &call.ctx, &left, &health)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
