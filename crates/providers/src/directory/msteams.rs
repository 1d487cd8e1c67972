//! Microsoft Teams through Graph, with the app's token for the tenant: `/teams`, `/teams/{id}/channels`, `/users`.
//! Sources: learn.microsoft.com/graph, "List teams", "List channels", "List users", "Paging".

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{Ask, Details, Found, Kind, Part, Trouble, Which, by_status, link_cursor, vendor_url};
use crate::{
    chat::Address,
    outcome::{Failure, Level},
    transport::{Request, Response},
};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const USER: &str = "$select=id,displayName,mail,userPrincipalName,accountEnabled";

pub(super) fn call(ask: &Ask<'_>) -> Result<Request, Failure> {
    let url = match (ask.kind, ask.which) {
        (Kind::Team, _) => format!("{GRAPH}/teams?$select=id,displayName,visibility"),
        (Kind::Channel, _) => {
            let team = ask.team.ok_or_else(|| {
                let message = "The channels of Microsoft Teams are listed team by team: name the team.";
                Failure::new(Level::Message, "team_missing", message)
            })?;
            format!("{GRAPH}/teams/{}/channels", encoded(team))
        }
        (Kind::User, Which::Email(email)) => {
            // Within a filter a quote is written twice.
            let email = encoded(&email.replace('\'', "''"));
            format!("{GRAPH}/users?$filter=mail%20eq%20'{email}'%20or%20userPrincipalName%20eq%20'{email}'&{USER}")
        }
        (Kind::User, _) => format!("{GRAPH}/users?$top=999&{USER}"),
    };
    Ok(Request::new(Method::GET, vendor_url(ask, "msteams/graph", &url)?))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn read(ask: &Ask<'_>, response: &Response) -> Result<Part, Trouble> {
    let answer = response.json().unwrap_or_default();
    let Some(items) = answer["value"].as_array().filter(|_| response.is_success()) else {
        let code = answer["error"]["code"]
            .as_str()
            .map_or_else(|| format!("http_{}", response.status), str::to_owned);
        let permission = match ask.kind {
            Kind::Channel => "Channel.ReadBasic.All",
            Kind::User => "User.Read.All",
            Kind::Team => "Team.ReadBasic.All",
        };
        return Err(by_status(response, "Microsoft Graph", &code, permission));
    };
    let found = items
        .iter()
        .filter_map(|item| match ask.kind {
            Kind::Channel => channel(ask, item),
            Kind::User => user(ask, item),
            Kind::Team => team(item),
        })
        .collect();
    let next = answer["@odata.nextLink"].as_str();
    Ok(Part {
        found,
        next: next.and_then(|link| link_cursor(link, "/v1.0/")),
    })
}

fn named(item: &Value) -> Option<(String, String)> {
    let id = item["id"].as_str()?.to_owned();
    let name = item["displayName"].as_str().unwrap_or(&id).to_owned();
    Some((id, name))
}

fn channel(ask: &Ask<'_>, item: &Value) -> Option<Found> {
    let (id, name) = named(item)?;
    let address = Address::MsTeamsChannel {
        team_id: ask.team?.to_owned(),
        channel_id: id.clone(),
    };
    Some(Found {
        id,
        name,
        also: None,
        address: Some(address),
        reason: (item["isArchived"].as_bool() == Some(true)).then_some("The channel is archived."),
        details: Details {
            is_private: item["membershipType"].as_str().map(|kind| kind == "private"),
            ..Details::default()
        },
    })
}

fn user(ask: &Ask<'_>, item: &Value) -> Option<Found> {
    let (id, name) = named(item)?;
    let mail = item["mail"].as_str().or_else(|| item["userPrincipalName"].as_str());
    let address = Address::MsTeamsUser {
        user_id: id.clone(),
        tenant_id: (!ask.workspace.is_empty()).then(|| ask.workspace.to_owned()),
    };
    Some(Found {
        id,
        name,
        also: mail.map(str::to_owned),
        address: Some(address),
        reason: (item["accountEnabled"].as_bool() == Some(false)).then_some("The account is disabled."),
        details: Details {
            email: mail.map(str::to_owned),
            ..Details::default()
        },
    })
}

fn team(item: &Value) -> Option<Found> {
    let (id, name) = named(item)?;
    Some(Found {
        id,
        name,
        also: None,
        address: None,
        reason: Some("A team is no destination itself: pick one of its channels."),
        details: Details {
            is_private: item["visibility"].as_str().map(|visibility| visibility == "private"),
            ..Details::default()
        },
    })
}
