//! Webex: `/rooms`, `/people`, `/teams`, paged by the `Link` header.
//! Sources: developer.webex.com, "List Rooms", "List People", "List Teams", "REST API Basics: Pagination".

use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use super::{Ask, Details, Found, Kind, Part, Trouble, Which, by_status, link_cursor, vendor_url};
use crate::{
    chat::{Address, WebexPerson},
    outcome::Failure,
    transport::{Request, Response},
};

pub(super) fn call(ask: &Ask<'_>) -> Result<Request, Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let path = match ask.kind {
        Kind::Channel => {
            query.append_pair("type", "group").append_pair("max", "500");
            if let Some(team) = ask.team {
                query.append_pair("teamId", team);
            }
            "rooms"
        }
        Kind::Team => {
            query.append_pair("max", "500");
            "teams"
        }
        Kind::User => {
            match ask.which {
                Which::Email(email) => query.append_pair("email", email),
                Which::Ids(ids) => query.append_pair("id", ids),
                Which::Named(name) => query.append_pair("displayName", name),
                Which::All => &mut query,
            };
            query.append_pair("max", "100");
            "people"
        }
    };
    let url = format!("https://webexapis.com/v1/{path}?{}", query.finish());
    Ok(Request::new(Method::GET, vendor_url(ask, "webex-messaging", &url)?))
}

pub(super) fn read(ask: &Ask<'_>, response: &Response) -> Result<Part, Trouble> {
    let answer = response.json().unwrap_or_default();
    let Some(items) = answer["items"].as_array().filter(|_| response.is_success()) else {
        let scope = match ask.kind {
            Kind::Channel => "spark:rooms_read",
            Kind::User => "spark:people_read",
            Kind::Team => "spark:teams_read",
        };
        let code = format!("http_{}", response.status);
        return Err(by_status(response, "Webex", &code, scope));
    };
    let found = items
        .iter()
        .filter_map(|item| match ask.kind {
            Kind::Channel => room(item),
            Kind::User => person(item),
            Kind::Team => team(item),
        })
        .collect();
    Ok(Part {
        found,
        next: next_link(response).and_then(|link| link_cursor(link, "/v1/")),
    })
}

/// The target of `<https://…>; rel="next"`.
fn next_link(response: &Response) -> Option<&str> {
    response.header("link")?.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then_some(target)
    })
}

fn room(item: &Value) -> Option<Found> {
    let id = item["id"].as_str()?.to_owned();
    let address = Address::WebexRoom {
        room_id: id.clone(),
        parent_id: None,
    };
    Some(Found {
        name: item["title"].as_str().unwrap_or(&id).to_owned(),
        also: None,
        address: Some(address),
        reason: (item["isReadOnly"].as_bool() == Some(true)).then_some("The room is read-only."),
        details: Details {
            // Webex shows an app only the rooms that it is in.
            is_member: Some(true),
            ..Details::default()
        },
        id,
    })
}

fn person(item: &Value) -> Option<Found> {
    let id = item["id"].as_str()?.to_owned();
    let email = item["emails"][0].as_str();
    let name = item["displayName"].as_str().or(email).unwrap_or(&id);
    let reason = if item["type"].as_str() == Some("bot") {
        Some("This is a bot, and bots cannot be written to.")
    } else if item["loginEnabled"].as_bool() == Some(false) {
        Some("The account is disabled.")
    } else {
        None
    };
    Some(Found {
        name: name.to_owned(),
        also: email.map(str::to_owned),
        address: Some(Address::WebexPerson(WebexPerson::Id(id.clone()))),
        reason,
        details: Details {
            email: email.map(str::to_owned),
            ..Details::default()
        },
        id,
    })
}

fn team(item: &Value) -> Option<Found> {
    let id = item["id"].as_str()?.to_owned();
    Some(Found {
        name: item["name"].as_str().unwrap_or(&id).to_owned(),
        also: None,
        address: None,
        reason: Some("A team is no destination itself: pick one of its rooms."),
        details: Details::default(),
        id,
    })
}
