//! Slack's answer to a consent.

use std::time::Duration;

use campanile_model::{Ctx, Error, Result};
use campanile_providers::Trust;
use campanile_providers::consent::slack;
use campanile_store::connections::Workspace;
use campanile_store::grants::Tokens;
use campanile_store::grants::consent::Consent;
use serde_json::json;

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
    let code = take_code(connect, ctx, state, answer).await?;
    let verifier = address::verifier(connect, place, state);
    let request = slack::exchange(&connect.settings().bases, app, code, verifier.as_deref());
    let response = call(connect, request.map_err(Error::internal)?, Trust::Operator, "Slack").await?;
    let installed = slack::read(&response).map_err(Error::bad_request)?;
    let person = installed.user_id.as_ref().map(|user| json!({ "userId": user }));
    if state.mode == Aim::LinkUser {
        let person =
            person.ok_or_else(|| Error::bad_request("Slack did not return a user ID in the OAuth response"))?;
        // On an organization-wide installation a person's workspace is not the connection's.
        let home = installed.workspace.as_ref().map(|(id, _)| id.as_str());
        let home = home.filter(|_| installed.details["is_enterprise_install"] != true);
        let person = Person {
            kind: "slack_user",
            address: &person,
            workspace: home,
        };
        return link_person(connect, ctx, place, state, &person).await;
    }
    if let Some(url) = &installed.webhook_url {
        if state.subscriber_id.is_none() {
            return Err(Error::bad_request("subscriberId is required for incoming webhook"));
        }
        let person = Person {
            kind: "webhook",
            address: &json!({ "url": url }),
            workspace: None,
        };
        return link_person(connect, ctx, place, state, &person).await;
    }
    let (id, name) = installed
        .workspace
        .ok_or_else(|| Error::bad_request("Slack did not return a workspace in the OAuth response"))?;
    let access_token = installed
        .access_token
        .ok_or_else(|| Error::bad_request("Slack did not return an access token in the OAuth response"))?;
    let end = |seconds| connect.store().now().plus(Duration::from_secs(seconds)).to_string();
    let asked = address::scopes(place.vendor, state);
    let arrived = Arrived {
        consent: Consent {
            client_id: app.client_id,
            installation: &id,
            tokens: Tokens {
                access_token,
                refresh_token: installed.refresh_token,
                expires_at: installed.expires_in.map(end),
                refresh_token_expires_at: None,
            },
            missing_scopes: missing(&asked, installed.scopes.as_deref()),
            scopes: installed.scopes,
            details: installed.details,
        },
        workspace: Workspace { id: id.clone(), name },
        person: person.map(|person| ("slack_user", person)),
    };
    let landed = landing::land(connect, ctx, place, state, &arrived).await?;
    Ok(done(place, connected(place, &landed)))
}
