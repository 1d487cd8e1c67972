//! `POST /v1/integrations`.

use campanile_model::{Channel, Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::integrations::{Kind, NewIntegration, lost_race};
use serde_json::{Map, Value};

use super::conditions::Condition;
use super::input::{
    Configurations, KindChoice, SendChoice, channel_of, default_name, id_rule, only_own_environment, plain,
};
use super::{TRIES, identifier_taken, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations", "IntegrationsController_createIntegration", "Create an integration", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<CreateIntegration>()
    .answers::<view::IntegrationResponse>()
);

dto! {
    /// An integration to create.
    CreateIntegration {
        /// The provider's own name by default.
        optional name: String = "name" [rules::length(0, 255)];
        /// Made from the name by default.
        optional identifier: String = "identifier" [rules::length(0, 255)];
        /// The key's own environment; no other is allowed.
        optional environment_id: String = "_environmentId" [id_rule];
        required provider_id: String = "providerId" [rules::not_empty, rules::length(0, 100)];
        /// Needed unless the kind is `agent`.
        optional channel: Channel = "channel";
        optional kind: KindChoice = "kind";
        /// The provider's credentials; keys beyond the known ones are kept.
        optional credentials: Map<String, Value> = "credentials";
        /// Whether it is used; it is not by default.
        optional active: bool = "active";
        /// Accepted from older clients; credentials are tried by the first delivery.
        optional _check: bool = "check";
        optional conditions: Vec<Condition> = "conditions";
        optional configurations: Configurations = "configurations";
        /// Whether dev mode keeps its messages in the outbox or really sends them.
        optional send: SendChoice = "send";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateIntegration = call.body()?;
    only_own_environment(&call, body.environment_id.as_ref(), "create")?;
    let kind = body.kind.unwrap_or(KindChoice::Delivery);
    let channel = channel_of(kind, &body.provider_id, body.channel)?;
    let name = body.name.filter(|name| !name.trim().is_empty());
    let new = NewIntegration {
        identifier: body.identifier.filter(|identifier| !identifier.trim().is_empty()),
        name: name.unwrap_or_else(|| default_name(&body.provider_id)),
        provider_id: body.provider_id,
        channel,
        kind: match kind {
            KindChoice::Delivery => Kind::Delivery,
            KindChoice::Agent => Kind::Agent,
        },
        credentials: body.credentials.unwrap_or_default(),
        configurations: body.configurations.map(Configurations::given).unwrap_or_default(),
        conditions: body.conditions.map(plain).unwrap_or_default(),
        active: body.active.unwrap_or(false),
        send_real: body.send.is_some_and(SendChoice::is_real),
    };
    let store = call.store();
    for _ in 0..TRIES {
        let known = store.integrations_to_change(&call.ctx).await?;
        if let Some(identifier) = &new.identifier
            && known.is_taken(identifier, None)
        {
            return Err(identifier_taken());
        }
        if channel == Some(Channel::InApp) && known.all.iter().any(|one| one.channel == channel) {
            return Err(Error::bad_request("One environment can only have one In app provider"));
        }
        let mut batch = Batch::new();
        let made = store.create_integration(&mut batch, &call.ctx, &known, new.clone())?;
        let reply = Reply::data(201, &view::written(store, &call.ctx, &made)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
