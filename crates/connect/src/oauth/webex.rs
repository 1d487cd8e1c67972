//! Webex's answer to a consent.

use std::time::Duration;

use campanile_model::{Ctx, Error, Result};
use campanile_providers::Trust;
use campanile_providers::consent::webex;
use campanile_store::connections::Workspace;
use campanile_store::grants::Tokens;
use campanile_store::grants::consent::Consent;
use serde_json::json;
use url::Url;

use super::finish::{Answer, Outcome, Person, call, connected, done, link_person, take_code};
use super::landing::{self, Arrived};
use super::place::Place;
use super::state::{Aim, State};
use super::{address, missing};
use crate::Connect;

pub(super) async fn finish(
    connect: &Connect,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    answer: &Answer,
) -> Result<Outcome> {
    let app = place.app()?;
    let base = match place.credential("baseUrl").map(Url::parse) {
        None => None,
        Some(Ok(base)) if matches!(base.scheme(), "http" | "https") => Some(base),
        Some(_) => {
            return Err(Error::bad_request(
                "The baseUrl of the Webex Messaging integration must be an http or https address",
            ));
        }
    };
    let code = take_code(connect, ctx, state, answer).await?;
    let bases = &connect.settings().bases;
    let verifier = state.verifier(connect.store().secrets());
    let request = webex::exchange(bases, app, code, &verifier).map_err(Error::internal)?;
    let response = call(connect, request, Trust::Operator, "Webex").await?;
    let issued = webex::issued(&response).map_err(Error::bad_request)?;
    let request = webex::me(bases, base.as_ref(), &issued.access_token).map_err(Error::internal)?;
    // An address that came through the API is guarded, Webex's own is not.
    let trust = if base.is_some() {
        Trust::Customer
    } else {
        Trust::Operator
    };
    let response = call(connect, request, trust, "Webex").await?;
    let person = webex::person(&response).map_err(Error::bad_request)?;
    if state.mode == Aim::LinkUser {
        let address = person
            .address
            .ok_or_else(|| Error::bad_request("Webex did not return a person ID or email in the OAuth response"))?;
        let person = Person {
            kind: "webex_person",
            address: &address,
            workspace: None,
        };
        return link_person(connect, ctx, place, state, &person).await;
    }
    let id = person
        .workspace
        .ok_or_else(|| Error::bad_request("Webex did not return an org ID or person ID in the OAuth response"))?;
    let end = |seconds| connect.store().now().plus(Duration::from_secs(seconds)).to_string();
    // Webex's tokens are a person's: two people of one organisation are two grants.
    let installation = json!([id, person.details["id"]]).to_string();
    let asked = address::scopes(place.vendor, state);
    let arrived = Arrived {
        consent: Consent {
            client_id: app.client_id,
            installation: &installation,
            tokens: Tokens {
                access_token: issued.access_token,
                refresh_token: issued.refresh_token,
                expires_at: issued.expires_in.map(end),
                refresh_token_expires_at: issued.refresh_token_expires_in.map(end),
            },
            missing_scopes: missing(&asked, issued.scopes.as_deref()),
            scopes: issued.scopes,
            details: json!({ "token": issued.details, "person": person.details }),
        },
        workspace: Workspace { id, name: person.name },
        person: person.address.map(|address| ("webex_person", address)),
    };
    let landed = landing::land(connect, ctx, place, state, &arrived).await?;
    Ok(done(place, connected(place, &landed)))
}
