//! Making a link: who asks for what, and whether they may.

use campanile_model::context::NamedContext;
use campanile_model::{Ctx, Error, Id, Result};
use campanile_providers::consent::msteams;
use campanile_store::Batch;
use campanile_store::connections::aliases::Whose;
use campanile_store::connections::{NewConnection, Workspace};
use campanile_store::subscribers::Subscriber;
use url::Url;

use super::context::{self, GivenContext};
use super::place::{Place, Vendor};
use super::state::{Aim, State};
use super::{address, finish, landing};
use crate::Connect;

/// Whether a connection belongs to a subscriber, or to a context and everybody in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the subscriber.
    Subscriber,
    /// To the context.
    Shared,
}

impl Mode {
    /// Refuses what names too little for its mode.
    pub fn check(mode: Option<Self>, has_subscriber: bool, has_context: bool) -> Result<()> {
        let problem = match mode {
            Some(Self::Shared) if !has_context => "context is required when connectionMode is \"shared\"",
            Some(Self::Subscriber) if !has_subscriber => {
                "subscriberId is required when connectionMode is \"subscriber\""
            }
            None if !has_subscriber && !has_context => "Either subscriberId or context must be provided",
            _ => return Ok(()),
        };
        Err(Error::bad_request(problem))
    }
}

/// A connection to be made by a consent.
#[derive(Clone, Debug, Default)]
pub struct StartConnect {
    /// The integration.
    pub integration_identifier: String,
    /// The identifier that the connection shall have.
    pub connection_identifier: Option<String>,
    /// Whose it will be.
    pub subscriber_id: Option<String>,
    /// What it will be for.
    pub context: GivenContext,
    /// Whether it will be the subscriber's own.
    pub mode: Option<Mode>,
    /// What to ask for, instead of what the vendor is asked for by default.
    pub scope: Option<Vec<String>>,
    /// Whether who consents becomes an endpoint of the subscriber's too.
    pub auto_link_user: bool,
    /// A subscriber session asks: an identifier that another scope holds becomes an alias instead of an error. Whether
    /// the session may do this is for the caller to decide before.
    pub session: bool,
    /// Only this connection, by our id, and only to the workspace that it has. Everything else here is then its own.
    pub reconnect: Option<Id>,
    /// The link to the hosted page from which the customer starts, and to which they come back.
    pub hosted: Option<String>,
}

/// An endpoint to be made of the person who consents.
#[derive(Clone, Debug, Default)]
pub struct StartLink {
    /// The integration.
    pub integration_identifier: String,
    /// Whose endpoint it will be.
    pub subscriber_id: String,
    /// The connection whose token delivers to it.
    pub connection_identifier: Option<String>,
    /// What it will be for.
    pub context: GivenContext,
    /// What to ask for, instead of what the vendor is asked for by default.
    pub user_scope: Option<Vec<String>>,
    /// A subscriber session asks: the connection is one that the session can see, under the name that it knows.
    pub session: bool,
}

/// The vendor's page on which a customer consents to a connection. Contexts that are not there yet are made.
pub async fn start(connect: &Connect, ctx: &Ctx, ask: &StartConnect) -> Result<Url> {
    if let Some(id) = ask.reconnect {
        return restart(connect, ctx, id, ask.hosted.clone()).await;
    }
    let url = check(connect, ctx, ask).await?;
    make_contexts(connect, ctx, &ask.context.contexts).await?;
    Ok(url)
}

/// Refuses what [`start`] would refuse, and changes nothing.
pub async fn check(connect: &Connect, ctx: &Ctx, ask: &StartConnect) -> Result<Url> {
    let place = Place::named(connect, ctx, &ask.integration_identifier).await?;
    context::check(connect, ctx, &place.credentials, &ask.context).await?;
    let asks_webhook = |scopes: &Vec<String>| scopes.iter().any(|scope| scope == "incoming-webhook");
    if place.vendor == Vendor::Slack && ask.scope.as_ref().is_some_and(asks_webhook) && ask.subscriber_id.is_none() {
        return Err(Error::bad_request("subscriberId is required for incoming webhook"));
    }
    Mode::check(ask.mode, ask.subscriber_id.is_some(), !ask.context.contexts.is_empty())?;
    let subscriber = match &ask.subscriber_id {
        Some(id) => Some(known(connect, ctx, id).await?),
        None => None,
    };
    let shared = ask.mode == Some(Mode::Shared);
    let mut state = new_state(connect, ctx, &place, Aim::Connect)?;
    state.identifier.clone_from(&ask.connection_identifier);
    state.subscriber_id.clone_from(&ask.subscriber_id);
    state.shared = shared;
    state.context_keys = ask.context.set().keys().to_vec();
    state.auto_link_user = ask.auto_link_user;
    state.session = ask.session;
    state.scope.clone_from(&ask.scope);
    state.hosted.clone_from(&ask.hosted);
    let url = address::build(connect, &place, &state, None)?;
    let owner = subscriber.as_ref().filter(|_| !shared);
    refuse_taken_identifier(connect, ctx, &place, &state, owner).await?;
    Ok(url)
}

/// The vendor's page on which a person consents to be linked. Contexts that are not there yet are made.
pub async fn start_link(connect: &Connect, ctx: &Ctx, ask: &StartLink) -> Result<Url> {
    let place = Place::named(connect, ctx, &ask.integration_identifier).await?;
    context::check(connect, ctx, &place.credentials, &ask.context).await?;
    if ask.subscriber_id.is_empty() {
        return Err(Error::bad_request("subscriberId is required for link_user mode"));
    }
    if place.vendor == Vendor::Webex && ask.connection_identifier.is_none() {
        return Err(Error::bad_request(
            "connectionIdentifier is required for Webex link_user mode",
        ));
    }
    let subscriber = known(connect, ctx, &ask.subscriber_id).await?;
    let mut state = new_state(connect, ctx, &place, Aim::LinkUser)?;
    state.identifier = match &ask.connection_identifier {
        Some(name) if ask.session => {
            let whose = Whose::Either(subscriber.id);
            let store = connect.store();
            let found = store
                .connection_in_session(ctx, name, whose, &ask.context.set())
                .await?;
            let found = found.filter(|found| found.integration_id == place.integration.id);
            let found = found.ok_or_else(|| Error::not_found(format!("Channel connection not found: {name}")))?;
            Some(found.identifier)
        }
        other => other.clone(),
    };
    state.subscriber_id = Some(ask.subscriber_id.clone());
    state.context_keys = ask.context.set().keys().to_vec();
    state.session = ask.session;
    state.scope.clone_from(&ask.user_scope);
    if place.vendor == Vendor::MsTeams {
        state.tenant = tenant(connect, ctx, &place, &state, &subscriber).await;
    }
    let url = address::build(connect, &place, &state, None)?;
    make_contexts(connect, ctx, &ask.context.contexts).await?;
    Ok(url)
}

/// The tenant of the connection that a person will be linked to: their account is there, and the app is installed there.
/// Without a connection, or with one that says no tenant, they sign in at our user's own.
async fn tenant(connect: &Connect, ctx: &Ctx, place: &Place, state: &State, subscriber: &Subscriber) -> Option<String> {
    // A connection that is missing is refused when they come back.
    let found = finish::linked_to(connect.store(), ctx, place, state, subscriber.id).await;
    let tenant = found.ok().flatten()?.workspace.id;
    msteams::is_tenant(&tenant).then_some(tenant)
}

/// A new link for a connection that needs its customer.
async fn restart(connect: &Connect, ctx: &Ctx, id: Id, hosted: Option<String>) -> Result<Url> {
    let store = connect.store();
    let gone = || Error::not_found("The connection that was to be reconnected is not there any more");
    let connection = store.connection_by_id(ctx, id).await?.ok_or_else(gone)?;
    let integration = store.integration_by_id(ctx, connection.integration_id).await?;
    let place = Place::of(connect, integration.ok_or_else(gone)?)?;
    let place = place
        .ok_or_else(|| Error::bad_request(format!("OAuth not supported for provider: {}", connection.provider_id)))?;
    let mut state = new_state(connect, ctx, &place, Aim::Connect)?;
    state.identifier = Some(connection.identifier);
    state.shared = connection.subscriber.is_none();
    state.subscriber_id = connection.subscriber_id;
    state.context_keys = connection.contexts.keys().to_vec();
    state.reconnect = Some(id);
    state.hosted = hosted;
    address::build(connect, &place, &state, Some(&connection.workspace.id))
}

fn new_state(connect: &Connect, ctx: &Ctx, place: &Place, aim: Aim) -> Result<State> {
    State::new(
        connect.store(),
        ctx,
        place.integration.id,
        &place.integration.provider_id,
        aim,
    )
}

async fn known(connect: &Connect, ctx: &Ctx, subscriber_id: &str) -> Result<Subscriber> {
    let found = connect.store().subscriber(ctx, subscriber_id).await?;
    found.ok_or_else(|| Error::not_found(format!("Subscriber not found: {subscriber_id}")))
}

/// Says already here what the consent would only lead to: it is looked at again when the customer comes back.
async fn refuse_taken_identifier(
    connect: &Connect,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    owner: Option<&Subscriber>,
) -> Result<()> {
    let Some(identifier) = &state.identifier else {
        return Ok(());
    };
    let new = NewConnection {
        identifier: identifier.clone(),
        integration: &place.integration,
        owner,
        contexts: state.contexts(),
        workspace: Workspace {
            id: String::new(),
            name: None,
        },
    };
    landing::find(connect.store(), ctx, &new, state.session).await.map(drop)
}

async fn make_contexts(connect: &Connect, ctx: &Ctx, contexts: &[NamedContext]) -> Result<()> {
    let store = connect.store();
    let keys: Vec<String> = contexts.iter().map(NamedContext::key).collect();
    if store.contexts_keyed(ctx, &keys).await?.len() == keys.len() {
        return Ok(());
    }
    let mut batch = Batch::new();
    store.find_or_create_contexts(&mut batch, ctx, contexts);
    store.commit(batch).await?;
    Ok(())
}
