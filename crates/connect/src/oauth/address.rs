//! Where a customer is sent.

use campanile_model::{Error, Result};
use campanile_providers::consent::{self, App, Ask, msteams, slack, webex};
use url::Url;

use super::place::{Place, Vendor};
use super::state::{Aim, State};
use crate::Connect;

/// The scopes that are asked for.
pub(super) fn scopes(vendor: Vendor, state: &State) -> Vec<String> {
    let default: &[&str] = match (vendor, state.mode) {
        (Vendor::Slack, Aim::Connect) => &slack::BOT_SCOPES,
        (Vendor::Slack, Aim::LinkUser) => &slack::USER_SCOPES,
        (Vendor::Webex, Aim::Connect) => &webex::SCOPES,
        (Vendor::Webex, Aim::LinkUser) => &webex::PERSON_SCOPES,
        // Microsoft grants what the app is registered with.
        (Vendor::MsTeams, _) => &[],
    };
    let default = || default.iter().map(|&scope| scope.to_owned()).collect();
    state.scope.clone().unwrap_or_else(default)
}

/// The PKCE verifier, where the vendor takes one. Slack does so only for apps that were marked as public clients, which
/// cannot be undone: the integration says so with its credential `pkce`.
pub(super) fn verifier(connect: &Connect, place: &Place, state: &State) -> Option<String> {
    let takes = match place.vendor {
        Vendor::Slack => place.is_on("pkce"),
        Vendor::Webex => true,
        Vendor::MsTeams => false,
    };
    takes.then(|| state.verifier(connect.store().secrets()))
}

/// The vendor's page for this state. `team` is the workspace to preselect.
pub(super) fn build(connect: &Connect, place: &Place, state: &State, team: Option<&str>) -> Result<Url> {
    let signed = state.sign(connect.store().secrets())?;
    let challenge = verifier(connect, place, state).map(|verifier| consent::challenge(&verifier));
    let ask = Ask {
        app: App {
            client_id: place.client_id()?,
            secret: "",
            redirect: place.redirect.as_str(),
        },
        state: &signed,
        challenge: challenge.as_deref(),
    };
    let (bases, scopes) = (&connect.settings().bases, scopes(place.vendor, state));
    let url = match (place.vendor, state.mode) {
        (Vendor::Slack, Aim::Connect) => slack::authorize(bases, ask, slack::Scopes::Bot(&scopes), team),
        (Vendor::Slack, Aim::LinkUser) => slack::authorize(bases, ask, slack::Scopes::User(&scopes), team),
        (Vendor::MsTeams, Aim::Connect) => msteams::admin_consent(bases, ask),
        (Vendor::MsTeams, Aim::LinkUser) => {
            let tenant = state.tenant.as_deref().or_else(|| place.credential("tenantId"));
            let tenant = tenant.ok_or_else(|| Error::not_found("MS Teams integration missing tenantId"))?;
            msteams::sign_in(bases, ask, tenant)
        }
        (Vendor::Webex, _) => webex::authorize(bases, ask, &scopes),
    };
    url.map_err(Error::bad_request)
}
