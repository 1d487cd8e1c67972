//! Microsoft's answers: to an administrator's consent, and to a person's sign-in.

use campanile_model::{Ctx, Error, Result};
use campanile_providers::Trust;
use campanile_providers::consent::msteams;
use campanile_store::connections::Workspace;
use campanile_store::grants::Tokens;
use campanile_store::grants::consent::Consent;
use serde_json::{Value, json};

use super::address;
use super::finish::{Answer, Outcome, Page, Person, call, connected, done, filled, link_person, use_up};
use super::landing::{self, Arrived};
use super::place::Place;
use super::state::{Aim, State};
use crate::Connect;
use crate::app_tokens::{self, Audience};

/// What stands for a token: the app has its own.
const APP_ONLY: &str = "app-only";

/// An administrator came back. Microsoft gives no proof of the tenant with its answer: what a tenant may be used for is
/// decided by the tokens that Microsoft issues for it, and not by this.
pub(super) async fn consented(
    connect: &Connect,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    answer: &Answer,
) -> Result<Outcome> {
    let tenant = filled(answer.tenant.as_ref())
        .ok_or_else(|| Error::bad_request("Missing tenant parameter from MS Teams admin consent"))?;
    if answer.admin_consent.as_deref() != Some("True") {
        return Err(Error::bad_request("Admin consent was not granted"));
    }
    if !msteams::is_tenant(tenant) {
        return Err(Error::bad_request(
            "The tenant of the consent is not one that Microsoft knows",
        ));
    }
    use_up(connect, ctx, state).await?;
    let arrived = Arrived {
        workspace: Workspace {
            id: tenant.to_owned(),
            name: None,
        },
        consent: Consent {
            client_id: place.client_id()?,
            installation: tenant,
            tokens: Tokens {
                access_token: APP_ONLY.to_owned(),
                refresh_token: None,
                expires_at: None,
                refresh_token_expires_at: None,
            },
            scopes: None,
            missing_scopes: Vec::new(),
            details: json!({ "tenant": tenant }),
        },
        person: None,
    };
    let landed = landing::land(connect, ctx, place, state, &arrived).await?;
    if state.auto_link_user && state.subscriber_id.is_some() {
        let mut link = State::new(
            connect.store(),
            ctx,
            state.integration_id,
            &state.provider_id,
            Aim::LinkUser,
        )?;
        link.identifier = Some(landed.connection.identifier.clone());
        link.subscriber_id.clone_from(&state.subscriber_id);
        link.context_keys.clone_from(&state.context_keys);
        link.session = state.session;
        link.hosted.clone_from(&state.hosted);
        link.tenant = Some(tenant.to_owned());
        match address::build(connect, place, &link, None) {
            Ok(url) => return Ok(Outcome::Redirect(url)),
            Err(error) => tracing::warn!(%error, "the person who consented cannot be linked"),
        }
    }
    Ok(done(connect, place, state, connected(place, &landed)))
}

/// A person signed in. Whatever goes wrong is told on a page, as the original does.
pub(super) async fn signed_in(connect: &Connect, ctx: &Ctx, place: &Place, state: &State, answer: &Answer) -> Outcome {
    match link(connect, ctx, place, state, answer).await {
        Ok(outcome) => outcome,
        Err(error) => {
            if let Some(internal) = error.for_the_log() {
                tracing::error!(error = internal, "a person could not be linked");
            }
            Outcome::Page(Page {
                success: false,
                heading: "MS Teams Bot Installation Failed".to_owned(),
                text: error.message().to_owned(),
                facts: Vec::new(),
                next: "Go back to the app that you came from and start again, or ask those who run it.".to_owned(),
            })
        }
    }
}

async fn link(connect: &Connect, ctx: &Ctx, place: &Place, state: &State, answer: &Answer) -> Result<Outcome> {
    if state.subscriber_id.is_none() {
        return Err(Error::bad_request("subscriberId is required for link_user mode"));
    }
    let code = filled(answer.code.as_ref())
        .ok_or_else(|| Error::bad_request("Missing authorization code for link_user mode"))?;
    let credentials_missing =
        || Error::bad_request("MS Teams integration missing required credentials (clientId, secretKey, tenantId)");
    let app = place.app().map_err(|_| credentials_missing())?;
    let home = place.credential("tenantId").ok_or_else(credentials_missing)?;
    let tenant = state.tenant.as_deref().unwrap_or(home);
    use_up(connect, ctx, state).await?;
    let bases = &connect.settings().bases;
    let request = msteams::exchange(bases, app, tenant, code).map_err(Error::bad_request)?;
    let response = call(connect, request, Trust::Operator, "Microsoft").await?;
    let person = msteams::person(&response).map_err(Error::bad_request)?;
    let credentials = Value::Object(place.credentials.clone());
    let token = app_tokens::msteams(connect, &credentials, Audience::Graph, Some(tenant))
        .await
        .map_err(|failure| Error::bad_request(failure.message))?;
    let request = msteams::find_app(bases, &token, app.client_id).map_err(Error::internal)?;
    let response = call(connect, request, Trust::Operator, "Microsoft Graph").await?;
    let installed = msteams::found_app(&response).map_err(Error::bad_request)?;
    let request = msteams::install(bases, &token, &person, &installed).map_err(Error::internal)?;
    let response = call(connect, request, Trust::Operator, "Microsoft Graph").await?;
    msteams::installed(&response).map_err(Error::bad_request)?;
    let person = Person {
        kind: "ms_teams_user",
        address: &json!({ "userId": person }),
        workspace: None,
    };
    link_person(connect, ctx, place, state, &person).await
}
