//! `GET /v1/channel-connections/{identifier}/destinations`: Campanile's own. Where notifications over a connection can
//! go to, for somebody to pick.

use campanile_connect::destinations::{self, Destination, Kind, Page, Query};
use campanile_model::{Error, Permission, Result, Time};
use serde_json::Value;

use super::named;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Flag, Nullable, Number, rules};
use crate::v1::channels::given;
use crate::{choices, dto, route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v1/channel-connections/{identifier}/destinations", "", "List the channels, people or teams that a channel connection leads to", run,
    .permit(Permission::IntegrationRead, Category::Configuration)
    .takes_query::<ListDestinationsQuery>()
    .answers_raw::<DestinationPage>()
);

choices! {
    /// What to list: channels and rooms, people, or the teams that channels are in.
    DestinationKind { Channel = "channel", User = "user", Team = "team", }
}

dto! {
    /// What to list.
    ListDestinationsQuery {
        required kind: DestinationKind = "kind";
        /// What the name has in it, whatever its case and accents; names that begin with it come first.
        optional query: String = "query" [rules::length(0, 200)];
        /// With kind=user: the one person with this e-mail address.
        optional email: String = "email" [rules::length(0, 320)];
        /// The team whose channels are asked for (Teams, Webex), or the workspace of a Slack organisation.
        optional team: String = "team" [rules::length(0, 500)];
        /// The `next` of the page before.
        optional after: String = "after";
        /// How many items, at most 200; 50 by default.
        optional limit: Number = "limit" [rules::at_least(1), rules::at_most(200)];
        /// Whether to ask the vendor again although the list is less than five minutes old.
        optional refresh: Flag = "refresh";
    }
}

view! {
    /// A page of destinations.
    DestinationPage {
        data: Vec<DestinationResponse> = "data";
        /// What `after` takes for the next page.
        next: Nullable<String> = "next";
        /// Whether the list is complete. It is not while it is being read, and when the vendor asks us to wait.
        complete: bool = "complete";
        /// What is missing and why, in a sentence.
        explanation: Option<String> = "explanation";
        /// After how many seconds asking again may show more.
        retry_after_seconds: Option<i64> = "retryAfterSeconds";
        /// When the list was read from the vendor.
        fetched_at: Time = "fetchedAt";
    }
}

view! {
    /// Something to pick, or something that people look for and that cannot be picked.
    DestinationResponse {
        id: String = "id";
        name: String = "name";
        kind: String = "kind";
        /// Whether it can be picked.
        selectable: bool = "selectable";
        /// Why it cannot.
        reason: Option<String> = "reason";
        /// The `type` of the channel endpoint that it makes.
        endpoint_type: Option<String> = "type";
        /// The `endpoint` of the channel endpoint that it makes.
        endpoint: Option<Value> = "endpoint";
        is_private: Option<bool> = "isPrivate";
        is_member: Option<bool> = "isMember";
        member_count: Option<i64> = "memberCount";
        email: Option<String> = "email";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListDestinationsQuery = call.query()?;
    let connection = named(&call, '\'').await?;
    let email = given(query.email);
    let asked = Query {
        kind: match query.kind {
            DestinationKind::Channel => Kind::Channel,
            DestinationKind::User => Kind::User,
            DestinationKind::Team => Kind::Team,
        },
        query: given(query.query),
        after: given(query.after),
        limit: query
            .limit
            .map_or(50, |Number(limit)| usize::try_from(limit).unwrap_or(50)),
        parent: given(query.team),
        refresh: query.refresh == Some(Flag(true)),
    };
    let connect = call.app.connect();
    let page = match email {
        Some(_) if asked.kind != Kind::User => {
            return Err(Error::bad_request("email can only be looked up with kind=user"));
        }
        Some(email) => destinations::by_email(connect, &call.ctx, &connection, asked, &email).await?,
        None => destinations::list(connect, &call.ctx, &connection, asked).await?,
    };
    Reply::raw(200, &view_of(page))
}

fn view_of(page: Page) -> DestinationPage {
    DestinationPage {
        data: page.data.into_iter().map(one).collect(),
        next: Nullable(page.next),
        complete: page.complete,
        explanation: page.explanation,
        retry_after_seconds: page
            .retry_after
            .and_then(|after| i64::try_from(after.as_secs().max(1)).ok()),
        fetched_at: page.fetched_at,
    }
}

fn one(destination: Destination) -> DestinationResponse {
    let (endpoint_type, endpoint) = destination
        .endpoint
        .map(|place| (place.kind.to_owned(), place.endpoint))
        .unzip();
    DestinationResponse {
        id: destination.id,
        name: destination.name,
        kind: match destination.kind {
            Kind::Channel => "channel",
            Kind::User => "user",
            Kind::Team => "team",
        }
        .to_owned(),
        selectable: destination.selectable,
        reason: destination.reason,
        endpoint_type,
        endpoint,
        is_private: destination.details.is_private,
        is_member: destination.details.is_member,
        member_count: destination
            .details
            .member_count
            .and_then(|count| i64::try_from(count).ok()),
        email: destination.details.email,
    }
}
