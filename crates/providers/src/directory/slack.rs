//! Slack: `conversations.list`, `users.list`, `users.lookupByEmail`, `auth.teams.list`.
//! Sources: docs.slack.dev, pages of these methods and "Pagination".

use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use super::{Ask, Details, Found, Kind, Part, Trouble, Which, trouble, vendor_url};
use crate::{
    chat::{Address, slack_answer},
    outcome::Failure,
    transport::{Request, Response},
};

/// Must be under 1000.
const CHANNELS: &str = "999";
/// Slack asks for moderation here: long pages time out in large workspaces.
const USERS: &str = "400";
const TEAMS: &str = "1000";

pub(super) fn call(ask: &Ask<'_>) -> Result<Request, Failure> {
    let (method, mut fields) = match (ask.kind, ask.which) {
        (Kind::Channel, _) => {
            let types = if ask.private {
                "public_channel,private_channel"
            } else {
                "public_channel"
            };
            let fields = vec![("types", types), ("exclude_archived", "false"), ("limit", CHANNELS)];
            ("conversations.list", fields)
        }
        (Kind::User, Which::Email(email)) => ("users.lookupByEmail", vec![("email", email)]),
        (Kind::User, _) => ("users.list", vec![("limit", USERS)]),
        (Kind::Team, _) => ("auth.teams.list", vec![("limit", TEAMS)]),
    };
    // A token of an organisation needs it, any other one ignores it.
    let team = ask
        .team
        .or_else(|| ask.workspace.starts_with('T').then_some(ask.workspace));
    if let Some(team) = team.filter(|_| method.ends_with(".list") && ask.kind != Kind::Team) {
        fields.push(("team_id", team));
    }
    if let Some(cursor) = ask.cursor {
        fields.push(("cursor", cursor));
    }
    let first = Ask { cursor: None, ..*ask };
    let url = vendor_url(&first, "slack", &format!("https://slack.com/api/{method}"))?;
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    Ok(Request {
        body: body.into(),
        content_type: Some("application/x-www-form-urlencoded"),
        ..Request::new(Method::POST, url)
    })
}

pub(super) fn read(ask: &Ask<'_>, response: &Response) -> Result<Part, Trouble> {
    let answer = match slack_answer(response) {
        Ok(answer) => answer,
        Err(refusal) => {
            let nobody = Ok(Part::default());
            let Some(trouble) = trouble(refusal) else { return nobody };
            if trouble.failure().code == "users_not_found" && matches!(ask.which, Which::Email(_)) {
                return nobody;
            }
            return Err(reworded(trouble));
        }
    };
    let items = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = match (ask.kind, ask.which) {
        (Kind::Channel, _) => items("channels").iter().filter_map(|item| channel(ask, item)).collect(),
        (Kind::User, Which::Email(_)) => user(&answer["user"]).into_iter().collect(),
        (Kind::User, _) => items("members").iter().filter_map(user).collect(),
        (Kind::Team, _) => items("teams").iter().filter_map(team).collect(),
    };
    let next = answer["response_metadata"]["next_cursor"].as_str();
    Ok(Part {
        found,
        next: next.filter(|cursor| !cursor.is_empty()).map(str::to_owned),
    })
}

/// Slack's refusals are worded for messages; those that are not about the grant are worded for a question here.
fn reworded(trouble: Trouble) -> Trouble {
    use crate::outcome::Level;
    let word = |failure: Failure, text: &str| {
        if failure.level == Level::Grant {
            return failure;
        }
        let message = format!("{text} (`{}`).", failure.code);
        Failure { message, ..failure }
    };
    match trouble {
        Trouble::Refused(failure) => Trouble::Refused(word(failure, "Slack refused to list what is there")),
        Trouble::Later { after, failure } => Trouble::Later {
            after,
            failure: word(failure, "Slack cannot list what is there now"),
        },
    }
}

fn channel(ask: &Ask<'_>, item: &Value) -> Option<Found> {
    let id = item["id"].as_str()?.to_owned();
    let flag = |name: &str| item[name].as_bool();
    let is_member = flag("is_member");
    let is_private = flag("is_private").unwrap_or(false);
    let needs_invitation = ask
        .scopes
        .is_some_and(|scopes| !scopes.iter().any(|scope| scope == "chat:write.public"));
    let reason = if flag("is_archived") == Some(true) {
        Some("The channel is archived.")
    } else if is_private && is_member == Some(false) {
        Some("The channel is private and the app is not a member: invite it there first.")
    } else if is_member == Some(false) && needs_invitation {
        Some("The app is not a member of this channel: invite it there first.")
    } else {
        None
    };
    Some(Found {
        name: item["name"].as_str().unwrap_or(&id).to_owned(),
        also: None,
        address: Some(Address::SlackChannel { channel_id: id.clone() }),
        reason,
        details: Details {
            is_private: Some(is_private),
            is_member,
            member_count: item["num_members"].as_u64(),
            email: None,
        },
        id,
    })
}

fn user(item: &Value) -> Option<Found> {
    let id = item["id"].as_str()?.to_owned();
    let profile = &item["profile"];
    let handle = item["name"].as_str();
    let names = [
        &profile["real_name"],
        &item["real_name"],
        &profile["display_name"],
        &item["name"],
    ];
    let name = names
        .into_iter()
        .filter_map(Value::as_str)
        .find(|name| !name.is_empty());
    let email = profile["email"].as_str().filter(|email| !email.is_empty());
    let reason = if item["deleted"].as_bool() == Some(true) {
        Some("The user is deactivated.")
    } else if item["is_bot"].as_bool() == Some(true) || id == "USLACKBOT" {
        Some("This is a bot, and bots cannot be written to.")
    } else {
        None
    };
    Some(Found {
        name: name.unwrap_or(&id).to_owned(),
        also: email.or(handle).map(str::to_owned),
        address: Some(Address::SlackUser { user_id: id.clone() }),
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
        reason: Some("A workspace is no destination itself: pick one of its channels or people."),
        details: Details::default(),
        id,
    })
}
