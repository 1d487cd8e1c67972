//! Who and what is there at a vendor: the channels, people and teams that a grant shows, a page at a time.
//!
//! Building a call and reading its answer are pure; what is asked next follows from the answer's cursor.

mod msteams;
mod slack;
mod webex;

use std::time::Duration;

use url::Url;

use crate::{
    chat::{Address, BaseUrls},
    outcome::{Failure, Level, Outcome},
    transport::{Request, Response, Secretish, TransportError},
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Channels and rooms.
    Channel,
    /// People.
    User,
    /// Teams of Microsoft Teams and Webex, workspaces of a Slack organisation: what channels are in.
    Team,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// All.
    All,
    /// Those whose names begin with this, as the vendor finds them.
    Named(&'a str),
    /// The one person with this e-mail address.
    Email(&'a str),
    /// The people with these ids, at most 85, with commas between them: for Webex, which lists nobody otherwise.
    Ids(&'a str),
}

/// One question to a vendor.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub provider_id: &'a str,
    pub kind: Kind,
    pub which: Which<'a>,
    /// The team whose channels, or the Slack workspace whose channels and people are asked for.
    pub team: Option<&'a str>,
    /// The connection's workspace, tenant or organisation.
    pub workspace: &'a str,
    pub token: &'a str,
    /// The scopes of the grant, when they are known.
    pub scopes: Option<&'a [String]>,
    /// Whether Slack's private channels are asked for, which takes a scope of its own.
    pub private: bool,
    /// Where the answer before ended.
    pub cursor: Option<&'a str>,
    pub bases: &'a BaseUrls,
}

/// Something that a vendor showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub id: String,
    pub name: String,
    /// Another name that people look for: a handle, an e-mail address.
    pub also: Option<String>,
    /// Where to post to it. A team is no place to post to.
    pub address: Option<Address>,
    /// Why it cannot be picked.
    pub reason: Option<&'static str>,
    pub details: Details,
}

/// What helps to tell one from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub is_private: Option<bool>,
    pub is_member: Option<bool>,
    pub member_count: Option<u64>,
    pub email: Option<String>,
}

/// An answer: some of what was asked for. It may hold nothing and still not be the last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    pub found: Vec<Found>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The vendor said no.
    Refused(Failure),
    /// It may answer later, not before `after` when it named a time. Questions change nothing, so they can be repeated.
    Later { after: Option<Duration>, failure: Failure },
}

impl Trouble {
    /// What went wrong.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Refused(failure) | Self::Later { failure, .. } => failure,
        }
    }
}

/// Whether a provider shows what is there.
pub fn knows(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "msteams" | "webex-messaging")
}

/// Builds the call for a provider that [`knows`].
pub fn call(ask: &Ask<'_>) -> Result<Request, Failure> {
    if http::HeaderValue::try_from(ask.token).is_err() || ask.token.trim().is_empty() {
        let message = "The connection has no usable token: connect it again.";
        return Err(Failure::new(Level::Grant, "not_authed", message));
    }
    let mut request = match ask.provider_id {
        "slack" => slack::call(ask),
        "msteams" => msteams::call(ask),
        "webex-messaging" => webex::call(ask),
        other => Err(unknown(other)),
    }?;
    let bearer = format!("Bearer {}", ask.token.trim());
    request.set_header("authorization", Secretish::Secret(bearer));
    Ok(request)
}

/// Reads the answer, or its absence.
pub fn read(ask: &Ask<'_>, response: Result<Response, TransportError>) -> Result<Part, Trouble> {
    let response = match response {
        Ok(response) => response,
        Err(TransportError::Blocked(reason)) => {
            let message = format!("The vendor's address is blocked: {reason}.");
            return Err(Trouble::Refused(Failure::new(
                Level::Integration,
                "url_blocked",
                message,
            )));
        }
        Err(error) => {
            let message = format!("The vendor could not be asked: {error}.");
            let failure = Failure::new(Level::Network, "no_answer", message);
            return Err(Trouble::Later { after: None, failure });
        }
    };
    match ask.provider_id {
        "slack" => slack::read(ask, &response),
        "msteams" => msteams::read(ask, &response),
        "webex-messaging" => webex::read(ask, &response),
        other => Err(Trouble::Refused(unknown(other))),
    }
}

fn unknown(provider_id: &str) -> Failure {
    let message = format!("The provider `{provider_id}` has no list of destinations.");
    Failure::new(Level::Integration, "no_directory", message)
}

/// What the refusal of a question comes to, for an outcome that is one.
fn trouble(outcome: Outcome) -> Option<Trouble> {
    match outcome {
        Outcome::Delivered { .. } | Outcome::Accepted { .. } => None,
        Outcome::Rejected(failure) => Some(Trouble::Refused(failure)),
        Outcome::RetryAt { after, failure } => Some(Trouble::Later { after, failure }),
        Outcome::Unknown(failure) => Some(Trouble::Later { after: None, failure }),
    }
}

/// The vendor's URL on the operator's base. A cursor that is a path replaces path and query, never the host: a link
/// in an answer cannot lead the token elsewhere.
fn vendor_url(ask: &Ask<'_>, id: &str, url: &str) -> Result<Url, Failure> {
    let invalid = |_| {
        Failure::new(
            Level::Integration,
            "invalid_url",
            "The vendor's address is not a valid URL.",
        )
    };
    let mut url: Url = url.parse().map_err(invalid)?;
    if let Some(cursor) = ask.cursor {
        let (path, query) = cursor.split_once('?').unwrap_or((cursor, ""));
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
    }
    Ok(ask.bases.of_vendor(id, &url))
}

/// A link to a next page as a cursor: its path and query, when the path begins as the vendor's do.
fn link_cursor(link: &str, prefix: &str) -> Option<String> {
    let url: Url = link.parse().ok()?;
    if !url.path().starts_with(prefix) {
        return None;
    }
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

/// An answer of a vendor that tells by its status how it went.
fn by_status(response: &Response, vendor: &str, code: &str, scope: &str) -> Trouble {
    let status = response.status;
    let refused = |level, message: String| {
        let failure = Failure::new(level, code, message).status(status);
        Trouble::Refused(Failure {
            details: Box::new(response.details()),
            ..failure
        })
    };
    match status {
        401 => refused(
            Level::Grant,
            format!("{vendor} does not accept the token of this connection (`{code}`). It must be reconnected."),
        ),
        403 => refused(
            Level::Grant,
            format!("The app may not read this list (`{code}`). It takes the permission {scope}."),
        ),
        404 => refused(Level::Endpoint, format!("{vendor} knows no such team (`{code}`).")),
        408 | 412 | 423 | 429 | 500.. => Trouble::Later {
            after: response.retry_after(),
            failure: Failure::new(
                Level::Network,
                code,
                format!("{vendor} is busy or down (status {status})."),
            )
            .status(status),
        },
        _ => refused(
            Level::Message,
            format!("{vendor} refused the question (status {status}, `{code}`)."),
        ),
    }
}
