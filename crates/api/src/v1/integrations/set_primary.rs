//! `POST /v1/integrations/{integrationId}/set-primary`: activates it, clears its conditions and puts it first.

use campanile_model::{Channel, Error, Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::integrations::{lost_race, rank};
use serde_json::Value;

use super::{TRIES, too_contended, view};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/{integrationId}/set-primary", "IntegrationsController_setIntegrationAsPrimary",
    "Make an integration the primary one of its channel", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(200)
    .answers::<view::IntegrationResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let given = call.parameter("integrationId");
    let id: Id = given.parse().map_err(|_| {
        let text = "integrationId must be a mongodb id".to_owned();
        Error::invalid_property("integrationId", vec![text], Value::from(given))
    })?;
    let store = call.store();
    for _ in 0..TRIES {
        let known = store.integrations_to_change(&call.ctx).await?;
        let before = known.all.iter().find(|one| one.id == id);
        let before = before.ok_or_else(|| Error::not_found(format!("Integration with id {id} not found")))?;
        if !rank::is_ranked(before.channel) {
            return Err(Error::bad_request(before.channel.map_or_else(
                || "An agent integration does not support primary".to_owned(),
                |channel: Channel| format!("Channel {channel} does not support primary"),
            )));
        }
        if before.primary {
            return Reply::data(200, &view::written(store, &call.ctx, before)?);
        }
        let mut batch = Batch::new();
        let after = store.make_integration_primary(&mut batch, &call.ctx, &known, before);
        let reply = Reply::data(200, &view::written(store, &call.ctx, &after)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
