//! `PUT /v1/integrations/{integrationId}`: what is not given stays.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::integrations::{IntegrationChange, lost_race};
use serde_json::{Map, Value};

use super::conditions::Condition;
use super::input::{Configurations, SendChoice, id_rule, only_own_environment, plain};
use super::{TRIES, identifier_taken, too_contended, unknown, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    put "/v1/integrations/{integrationId}", "IntegrationsController_updateIntegrationById", "Update an integration", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<UpdateIntegration>()
    .answers::<view::IntegrationResponse>()
);

dto! {
    /// What to change.
    UpdateIntegration {
        optional name: String = "name" [rules::not_empty, rules::length(0, 255)];
        optional identifier: String = "identifier" [rules::not_empty, rules::length(0, 255)];
        /// The key's own environment; no other is allowed.
        optional environment_id: String = "_environmentId" [id_rule];
        /// Activating an integration never makes it primary; deactivating the primary leaves none.
        optional active: bool = "active";
        /// Replaced as a whole; keys beyond the known ones are kept.
        optional credentials: Map<String, Value> = "credentials";
        /// Accepted from older clients; credentials are tried by the first delivery.
        optional _check: bool = "check";
        /// Replaced as a whole; the primary integration gives up its place when it gets some.
        optional conditions: Vec<Condition> = "conditions";
        /// Replaced as a whole.
        optional configurations: Configurations = "configurations";
        /// Whether dev mode keeps its messages in the outbox or really sends them.
        optional send: SendChoice = "send";
    }
}

impl UpdateIntegration {
    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.identifier.is_none()
            && self.environment_id.is_none()
            && self.active.is_none()
            && self.credentials.is_none()
            && self.conditions.is_none()
            && self.configurations.is_none()
            && self.send.is_none()
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateIntegration = call.body()?;
    only_own_environment(&call, body.environment_id.as_ref(), "update")?;
    let is_empty = body.is_empty();
    let change = IntegrationChange {
        identifier: body.identifier,
        name: body.name,
        credentials: body.credentials,
        configurations: body.configurations.map(Configurations::given),
        conditions: body.conditions.map(plain),
        active: body.active,
        send_real: body.send.map(SendChoice::is_real),
    };
    let id = call.parameter("integrationId");
    let store = call.store();
    for _ in 0..TRIES {
        let known = store.integrations_to_change(&call.ctx).await?;
        let before = known.find(id).ok_or_else(|| unknown(id))?;
        if let Some(identifier) = &change.identifier
            && known.is_taken(identifier, Some(before.id))
        {
            return Err(identifier_taken());
        }
        if is_empty {
            return Err(Error::bad_request("No properties found for update"));
        }
        let mut batch = Batch::new();
        let after = store.update_integration(&mut batch, &call.ctx, &known, before, change.clone())?;
        let reply = Reply::data(200, &view::written(store, &call.ctx, &after)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
