//! A browser that comes back from a vendor.

use campanile_model::{Ctx, Error, Id, Result};
use campanile_providers::{Request, Response, Trust};
use campanile_store::connections::Connection;
use campanile_store::integrations::Integration;
use campanile_store::{Batch, Store};
use serde_json::Value;
use url::Url;

use super::landing::{self, Landed};
use super::place::{Place, Vendor};
use super::state::{Aim, State, invalid};
use super::{msteams, slack, webex};
use crate::Connect;
use crate::hosted;
use crate::links::{self, Link, Linked};

/// What comes with the browser.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What the vendor exchanges for tokens.
    pub code: Option<String>,
    /// The tenant of an administrator's consent.
    pub tenant: Option<String>,
    /// Whether the administrator consented: `True`.
    pub admin_consent: Option<String>,
    /// The state of the link.
    pub state: Option<String>,
    /// Why there is no consent.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}

/// What the browser is shown.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A page of ours.
    Page(Page),
    /// Another address: the integration's own, or the vendor's for a second consent.
    Redirect(Url),
}

/// A page, in texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whether it went well.
    pub success: bool,
    /// What happened, in a few words.
    pub heading: String,
    /// What happened, in sentences.
    pub text: String,
    /// With whom: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What to do next.
    pub next: String,
}

/// What to do when all went well.
const GO_BACK: &str = "You can close this tab and go back to the app that you came from.";

/// Makes of a consent what its link was for.
pub async fn finish(connect: &Connect, answer: &Answer, request_id: &str) -> Result<Outcome> {
    if let Some(error) = filled(answer.error.as_ref()) {
        let description = filled(answer.error_description.as_ref()).map(|text| format!(" - {text}"));
        let description = description.unwrap_or_default();
        return Err(Error::bad_request(format!("OAuth error: {error}{description}")));
    }
    let text =
        filled(answer.state.as_ref()).ok_or_else(|| Error::bad_request("Missing required OAuth parameter: state"))?;
    if filled(answer.code.as_ref()).is_none() && filled(answer.tenant.as_ref()).is_none() {
        return Err(Error::bad_request("Missing required OAuth parameters: code or tenant"));
    }
    let store = connect.store();
    let state = State::verify(store.secrets(), text, store.now())?;
    let ctx = Ctx::system(state.organization_id, state.environment_id, request_id);
    let place = find_place(connect, &ctx, &state).await?;
    match (place.vendor, state.mode) {
        (Vendor::Slack, _) => slack::finish(connect, &ctx, &place, &state, answer).await,
        (Vendor::MsTeams, Aim::Connect) => msteams::consented(connect, &ctx, &place, &state, answer).await,
        (Vendor::MsTeams, Aim::LinkUser) => Ok(msteams::signed_in(connect, &ctx, &place, &state, answer).await),
        (Vendor::Webex, _) => webex::finish(connect, &ctx, &place, &state, answer).await,
    }
}

pub(super) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

async fn find_place(connect: &Connect, ctx: &Ctx, state: &State) -> Result<Place> {
    let integration: Option<Integration> = connect.store().integration_by_id(ctx, state.integration_id).await?;
    let place = match integration.filter(|integration| integration.provider_id == state.provider_id) {
        Some(integration) => Place::of(connect, integration)?,
        None => None,
    };
    place.ok_or_else(|| {
        let label = Vendor::of(&state.provider_id).map_or("Chat", Vendor::integration);
        Error::not_found(format!(
            "{label} integration not found: {} in environment {}",
            state.integration_id, ctx.environment
        ))
    })
}

/// The code of the answer, once its state is used up: who comes second with one state gets no further.
pub(super) async fn take_code<'a>(connect: &Connect, ctx: &Ctx, state: &State, answer: &'a Answer) -> Result<&'a str> {
    let code = filled(answer.code.as_ref()).ok_or_else(|| Error::bad_request("Missing required parameter: code"))?;
    use_up(connect, ctx, state).await?;
    Ok(code)
}

/// Records that the state was used; a 400 when it was used before.
pub(super) async fn use_up(connect: &Connect, ctx: &Ctx, state: &State) -> Result<()> {
    if connect.store().use_oauth_state(ctx, &state.nonce).await? {
        return Ok(());
    }
    Err(invalid(
        "this link was used already. If you have just connected, everything is done; else start again",
    ))
}

/// Calls a vendor.
pub(super) async fn call(connect: &Connect, request: Request, trust: Trust, vendor: &str) -> Result<Response> {
    connect.transport().send(&request, trust).await.map_err(|error| {
        // The state is used up, so the page asks for a new start.
        Error::unavailable(format!("{vendor} could not be asked ({error}). Please start again."), 5)
    })
}

/// Where the browser goes when all went well: to the hosted page that it came from, to the integration's own address,
/// else to a page.
pub(super) fn done(connect: &Connect, place: &Place, state: &State, page: Page) -> Outcome {
    hosted_page(connect, state, "connected")
        .or_else(|| place.home())
        .map_or(Outcome::Page(page), Outcome::Redirect)
}

/// The hosted page that the browser came from, which is to say what became of it.
fn hosted_page(connect: &Connect, state: &State, said: &str) -> Option<Url> {
    let mut page = hosted::address(connect, state.hosted.as_deref()?)?;
    page.set_query(Some(&format!("said={said}")));
    Some(page)
}

/// Where a customer who has not consented goes back to, when they came from a hosted page.
pub fn way_back(connect: &Connect, answer: &Answer) -> Option<Url> {
    filled(answer.error.as_ref())?;
    let store = connect.store();
    let state = State::verify(store.secrets(), filled(answer.state.as_ref())?, store.now()).ok()?;
    hosted_page(connect, &state, "refused")
}

/// The page of a connection.
pub(super) fn connected(place: &Place, landed: &Landed) -> Page {
    let Landed { connection, linked } = landed;
    let mut page = Page {
        success: true,
        heading: "You're all set".to_owned(),
        text: format!("Your {} is connected and ready to use.", place.vendor.workspace()),
        facts: vec![workspace_fact(place, connection)],
        next: GO_BACK.to_owned(),
    };
    if let Some(missing) = &connection.grant.missing_scopes {
        page.text = format!(
            "Your {} is connected, but some permissions that were asked for were not given: {}.",
            place.vendor.workspace(),
            missing.join(", ")
        );
    }
    match linked {
        Some(Linked::Yes) => page.facts.push(("Direct messages", "will reach you there".to_owned())),
        Some(Linked::Taken) => page
            .text
            .push_str(" Your own account there is linked to somebody else already, so direct messages go to them."),
        None => {}
    }
    page
}

fn workspace_fact(place: &Place, connection: &Connection) -> (&'static str, String) {
    let name = match place.vendor {
        Vendor::MsTeams => "Tenant",
        Vendor::Slack => "Workspace",
        Vendor::Webex => "Account",
    };
    let workspace = &connection.workspace;
    (name, workspace.name.clone().unwrap_or_else(|| workspace.id.clone()))
}

/// The person of a vendor's who is to be linked.
pub(super) struct Person<'a> {
    /// The endpoint type.
    pub(super) kind: &'static str,
    pub(super) address: &'a Value,
    /// The workspace that they signed in to, where the vendor tells.
    pub(super) workspace: Option<&'a str>,
}

/// Links a person to the subscriber of the state.
pub(super) async fn link_person(
    connect: &Connect,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    person: &Person<'_>,
) -> Result<Outcome> {
    let store = connect.store();
    for _ in 0..landing::TRIES {
        let mut batch = Batch::new();
        let connection = attempt(store, &mut batch, ctx, place, state, person).await?;
        if landing::committed(store, batch).await? {
            let page = Page {
                success: true,
                heading: "You're all set".to_owned(),
                text: "Your account is linked: direct messages will reach you there.".to_owned(),
                facts: connection.iter().map(|one| workspace_fact(place, one)).collect(),
                next: GO_BACK.to_owned(),
            };
            return Ok(done(connect, place, state, page));
        }
    }
    landing::too_contended()
}

async fn attempt(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    person: &Person<'_>,
) -> Result<Option<Connection>> {
    let subscriber = landing::subscriber(store, ctx, state).await?;
    let subscriber = subscriber.ok_or_else(|| Error::bad_request("subscriberId is required for link_user mode"))?;
    let contexts = state.contexts();
    let connection = match person.kind {
        // It needs no token.
        "webhook" => None,
        _ => linked_to(store, ctx, place, state, subscriber.id).await?,
    };
    if let (Some(connection), Some(workspace)) = (&connection, person.workspace)
        && connection.workspace.id != workspace
    {
        let name = connection.workspace.name.as_ref().unwrap_or(&connection.workspace.id);
        return Err(Error::bad_request(format!(
            "You signed in to another workspace than the connected one. Start again and choose {name}."
        )));
    }
    let named = super::GivenContext::of_session(&contexts, true).contexts;
    store.find_or_create_contexts(batch, ctx, &named);
    let link = Link {
        integration: &place.integration,
        connection: connection
            .as_ref()
            .map(|connection| (connection.id, connection.identifier.clone())),
        subscriber: &subscriber,
        contexts: &contexts,
        kind: person.kind,
        address: person.address,
    };
    match links::add(store, batch, ctx, &link).await? {
        Linked::Yes => Ok(connection),
        Linked::Taken => Err(Error::bad_request(
            "This account is linked to somebody else already, or to you for something else. It has to be unlinked there \
             first.",
        )),
    }
}

/// The connection that a person is linked to: the one that was named; else the one of their own scope, or the shared
/// one of their context, because without a token nothing is delivered.
pub(super) async fn linked_to(
    store: &Store,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    subscriber: Id,
) -> Result<Option<Connection>> {
    if let Some(identifier) = &state.identifier {
        let found = store.connection(ctx, identifier).await?;
        let found = found.filter(|found| found.integration_id == place.integration.id);
        return found
            .map(Some)
            .ok_or_else(|| Error::not_found(format!("Channel connection not found: {identifier}")));
    }
    Ok(store
        .connection_of_scope(ctx, place.integration.id, subscriber, &state.contexts())
        .await?)
}
