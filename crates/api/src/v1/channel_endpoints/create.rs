//! `POST /v1/channel-endpoints`. The order of the checks is part of the contract (channels.md 1.2.2).

use campanile_connect::links::unique;
use campanile_model::{Error, Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::endpoints::{NewEndpoint, lost_race};
use campanile_store::integrations::Integration;
use campanile_store::subscribers::Subscriber;
use serde_json::{Map, Value};

use super::{address, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{Contexts, TRIES, given, identifier, identifier_rule, too_contended};
use crate::v2::subscribers::{subscriber_id_rule, upsert};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-endpoints", "ChannelEndpointsController_createChannelEndpoint", "Create a channel endpoint", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<CreateChannelEndpoint>()
    .answers::<view::ChannelEndpointResponse>()
);

dto! {
    /// An endpoint to make.
    CreateChannelEndpoint {
        /// Your own id for the endpoint; one is generated when it is absent.
        optional identifier: String = "identifier" [identifier_rule];
        /// Whose it is.
        required subscriber_id: String = "subscriberId" [subscriber_id_rule];
        /// What it is for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        required integration_identifier: String = "integrationIdentifier";
        /// The connection whose token delivers to it.
        optional connection_identifier: String = "connectionIdentifier";
        /// The kind of place, such as `slack_channel`.
        required kind: String = "type" [address::known_kind];
        /// The place itself, in the form of its type.
        required endpoint: Value = "endpoint";
        /// Create the subscriber when there is none; an existing one is never changed.
        optional create_subscriber_if_missing: bool = "createSubscriberIfMissing";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateChannelEndpoint = call.body()?;
    let address = address::read(&body.kind, &body.endpoint).map_err(|text| Error::invalid(vec![text]))?;
    let store = call.store();
    for _ in 0..TRIES {
        let integration = store
            .integration_by_identifier(&call.ctx, &body.integration_identifier)
            .await?
            .ok_or_else(|| Error::not_found(format!("Integration not found: {}", body.integration_identifier)))?;
        let mut batch = Batch::new();
        let contexts = body.context.clone().unwrap_or_default();
        store.find_or_create_contexts(&mut batch, &call.ctx, &contexts.0);
        let (subscriber, subscriber_is_new) = subscriber(&call, &body, &mut batch).await?;
        let identifier = identifier(body.identifier.as_ref(), "chendp_")?;
        refuse_taken_identifier(&call, &identifier).await?;
        let connection = connection(&call, &body, &integration, &contexts).await?;
        let unique = unique(&body.kind, &address, subscriber.id);
        if let Some(unique) = &unique
            && let Some(existing) = store.endpoint_with_address(&call.ctx, integration.id, unique).await?
        {
            let (subscriber, integration) = (&subscriber.subscriber_id, &integration.identifier);
            return Err(address::taken(&body.kind, subscriber, integration, &existing));
        }
        let new = NewEndpoint {
            identifier,
            integration: &integration,
            connection,
            subscriber: &subscriber,
            subscriber_is_new,
            contexts: contexts.set(),
            kind: &body.kind,
            address: &address,
            unique: unique.as_deref(),
        };
        let endpoint = store.create_endpoint(&mut batch, &call.ctx, new)?;
        store.audit(&mut batch, &call.ctx, "endpoint.create", endpoint.id);
        let reply = Reply::data(201, &view::one(store, &endpoint)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

/// The subscriber, and whether the batch makes them.
async fn subscriber(call: &Call, body: &CreateChannelEndpoint, batch: &mut Batch) -> Result<(Subscriber, bool)> {
    let id = body.subscriber_id.trim();
    let store = call.store();
    match store.subscriber(&call.ctx, id).await? {
        Some(known) => Ok((known, false)),
        None if body.create_subscriber_if_missing == Some(true) => {
            Ok(upsert(store, batch, &call.ctx, None, id, Map::new()))
        }
        None => Err(Error::not_found(format!(
            "Subscriber not found: {id}. Pass createSubscriberIfMissing: true to create it, or provision it via POST \
             /v1/subscribers."
        ))),
    }
}

async fn refuse_taken_identifier(call: &Call, identifier: &str) -> Result<()> {
    if call.store().endpoint(&call.ctx, identifier).await?.is_none() {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "Channel endpoint with identifier \"{identifier}\" already exists in environment \"{}\"",
        call.ctx.environment
    )))
}

/// The connection that was named, by our id and the caller's, after everything that the type asks of it.
async fn connection(
    call: &Call,
    body: &CreateChannelEndpoint,
    integration: &Integration,
    contexts: &Contexts,
) -> Result<Option<(Id, String)>> {
    let store = call.store();
    let (kind, provider) = (body.kind.as_str(), integration.provider_id.as_str());
    address::check_tool(kind, provider, || Ok(store.open_credentials(integration)?))?;
    let identifier = given(body.connection_identifier.clone()).filter(|_| !address::ignores_connection(kind));
    address::check_webex(kind, provider, identifier.as_deref())?;
    let Some(identifier) = identifier else { return Ok(None) };
    let connection = store
        .connection(&call.ctx, &identifier)
        .await?
        .filter(|connection| connection.integration_id == integration.id)
        .ok_or_else(|| Error::not_found(format!("Channel connection not found: {identifier}")))?;
    address::check_webex_contexts(kind, &identifier, &contexts.set(), &connection.contexts)?;
    Ok(Some((connection.id, identifier)))
}
