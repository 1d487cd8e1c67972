//! Pickers: the channels, people and teams that a connection leads to, for somebody to pick one from.
//!
//! Vendors list them slowly, in short pages and a few calls a minute. So the whole list of a grant is read in the
//! background, once for everybody who asks, kept for five minutes, and searched and paged here. While it is read, or
//! when the vendor asks us to wait, an answer holds what is there so far and says so.

mod cache;
mod search;
mod source;

use std::time::Duration;

use campanile_model::{Ctx, Error, Result, Time};
use campanile_providers::directory::{Details, Found, Trouble, Which};
use campanile_providers::{Health, Level};
use campanile_store::connections::Connection;
use serde_json::{Value, json};

pub use campanile_providers::directory::Kind;

pub(crate) use cache::Cache;

use crate::Connect;
use cache::{Key, State};
use search::{Needle, Position};
use source::Source;
pub use source::{letters_wanted, within_team};

/// How long a caller waits for a list that is being read, before what is there is answered.
const WAIT: Duration = Duration::from_secs(8);

/// What to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// What kind of thing.
    pub kind: Kind,
    /// What the name has in it, whatever its case and accents.
    pub query: Option<String>,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// The team whose channels are asked for (Teams, Webex), or the workspace of a Slack organisation.
    pub parent: Option<String>,
    /// Whether to ask the vendor again although the list is young.
    pub refresh: bool,
}

/// Some of what is there.
#[derive(Clone, Debug)]
pub struct Page {
    /// Names that begin with what was looked for come first, then by name.
    pub data: Vec<Destination>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// Whether the list that this page is of is complete.
    pub complete: bool,
    /// Why it is not, or what it leaves out, in a sentence.
    pub explanation: Option<String>,
    /// When it is worth asking again for more.
    pub retry_after: Option<Duration>,
    /// How old the list is: when its last part came from the vendor.
    pub fetched_at: Time,
}

/// Something that can be picked, or that people look for and cannot.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The vendor's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What to post to `/v1/channel-endpoints`; a team has nothing.
    pub endpoint: Option<Place>,
    /// Whether it can be picked.
    pub selectable: bool,
    /// Why not.
    pub reason: Option<String>,
    /// What helps to tell one from another.
    pub details: Details,
}

/// The `type` and `endpoint` of a channel endpoint.
#[derive(Clone, Debug)]
pub struct Place {
    /// Such as `slack_channel`.
    pub kind: &'static str,
    /// Such as `{"channelId": "C1"}`.
    pub endpoint: Value,
}

impl Destination {
    fn of(found: &Found, kind: Kind) -> Self {
        Self {
            id: found.id.clone(),
            name: found.name.clone(),
            kind,
            endpoint: found.address.as_ref().map(|address| Place {
                kind: address.kind(),
                endpoint: address.to_json(),
            }),
            selectable: found.reason.is_none() && found.address.is_some(),
            reason: found.reason.map(str::to_owned),
            details: found.details.clone(),
        }
    }
}

/// A page of what is there.
pub async fn list(connect: &Connect, ctx: &Ctx, connection: &Connection, query: Query) -> Result<Page> {
    let source = Source::of(connect, ctx, connection, query.parent.as_deref()).await?;
    let needle = Needle::new(query.query.as_deref().unwrap_or_default());
    let after = query.after.as_deref().map(Position::parse).transpose()?;
    if let Some(one) = source.itself(query.kind) {
        return Ok(single(&one, query.kind, connect.store().now()));
    }
    let search = source.search_at_vendor(query.kind, &needle)?;
    let key = Key {
        grant: connection.grant.id,
        generation: connection.grant.generation,
        integration: connection.integration_id,
        kind: query.kind,
        parent: query.parent,
        search: search.clone(),
    };
    let listing = connect
        .destinations()
        .listing(&key, connect.store().now(), query.refresh);
    cache::read_on(connect, source, &key, &listing);
    // Whoever gives up waiting leaves the reading to the others.
    let mut watched = listing.watch();
    let ended = tokio::time::timeout(WAIT, watched.wait_for(|state| !state.running)).await;
    drop(ended);
    let state = listing.look();
    if let Some(trouble) = &state.trouble
        && state.found.is_empty()
    {
        return Err(error(trouble, wait(&state, connect.store().now())));
    }
    // What the vendor found by its own search is not looked through again: it knows more names than we see.
    let needle = if search.is_some() { Needle::default() } else { needle };
    Ok(page(
        &state,
        &needle,
        after.as_ref(),
        query.limit,
        query.kind,
        connect.store().now(),
    ))
}

/// The one person with this e-mail address, or nobody. Nothing is remembered.
pub async fn by_email(
    connect: &Connect,
    ctx: &Ctx,
    connection: &Connection,
    query: Query,
    email: &str,
) -> Result<Page> {
    let source = Source::of(connect, ctx, connection, query.parent.as_deref()).await?;
    let asked = match source.token(connect).await {
        Ok(mut token) => {
            let which = Which::Email(email);
            source
                .question(connect, &mut token, Kind::User, which, (None, false))
                .await
        }
        Err(trouble) => Err(trouble),
    };
    match asked {
        Ok(part) => {
            let mut page = single_or_none(connect.store().now());
            page.data = part
                .found
                .iter()
                .map(|found| Destination::of(found, Kind::User))
                .collect();
            Ok(page)
        }
        Err(trouble) => {
            cache::note_health(connect, &source, &trouble).await;
            let after = match &trouble {
                Trouble::Later { after, .. } => *after,
                Trouble::Refused(_) => None,
            };
            Err(error(&trouble, after))
        }
    }
}

fn single_or_none(now: Time) -> Page {
    Page {
        data: Vec::new(),
        next: None,
        complete: true,
        explanation: None,
        retry_after: None,
        fetched_at: now,
    }
}

fn single(found: &Found, kind: Kind, now: Time) -> Page {
    Page {
        data: vec![Destination::of(found, kind)],
        ..single_or_none(now)
    }
}

/// How long the vendor wants to be left alone from now on.
fn wait(state: &State, now: Time) -> Option<Duration> {
    state.retry_at.map(|at| now.until(at))
}

fn page(state: &State, needle: &Needle, after: Option<&Position>, limit: usize, kind: Kind, now: Time) -> Page {
    let (found, next) = search::page(&state.found, needle, after, limit);
    let explanation = match (&state.trouble, state.running) {
        (Some(trouble), _) => Some(format!("This is not all: {}", trouble.failure().message)),
        (None, true) => Some("This is not all: the list is still being read from the vendor.".to_owned()),
        (None, false) => state.omission.map(str::to_owned),
    };
    let unfinished = state.running || state.trouble.is_some();
    Page {
        data: found.into_iter().map(|found| Destination::of(found, kind)).collect(),
        next: next.map(|position| position.text()),
        complete: state.complete && !state.cut,
        explanation,
        retry_after: unfinished.then(|| wait(state, now).unwrap_or(Duration::from_secs(2))),
        fetched_at: state.touched,
    }
}

/// What the caller is told when there is nothing to show.
fn error(trouble: &Trouble, after: Option<Duration>) -> Error {
    let failure = trouble.failure();
    let message = failure.message.clone();
    match trouble {
        Trouble::Later { .. } => {
            let seconds = after.map_or(5, |after| after.as_secs().max(1));
            Error::unavailable(format!("{message} Try again in {seconds} seconds."), seconds)
        }
        Trouble::Refused(_) if failure.level == Level::Endpoint => Error::not_found(message),
        Trouble::Refused(_) => {
            let status = match &failure.health {
                Some(Health::Revoked) => "revoked",
                Some(Health::NeedsReauth) => "needs_reauth",
                _ => return Error::bad_request(message).with("code", failure.code.clone()),
            };
            dead(&message, status)
        }
    }
}

/// The connection has to be made again first. A 400: repeating the call does not mend it.
fn dead(message: &str, status: &str) -> Error {
    Error::bad_request(message).with("health", json!({ "status": status, "reason": message }))
}
