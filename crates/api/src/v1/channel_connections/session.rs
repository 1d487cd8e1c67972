//! `POST /v1/channel-connections/sessions`: a link to the hosted connect page. The link holds all that was asked for, so
//! nothing is stored.

use std::time::Duration;

use campanile_connect::hosted::{self, Link, Pick, Session, Target};
use campanile_model::{Channel, Error, Permission, Result, Time};
use serde_json::{Value, json};
use url::Url;

use super::mode::{self, ConnectionMode};
use crate::call::{Call, Reply};
use crate::connect::{color, no_public_url};
use crate::route::{Category, Route};
use crate::shape::rules::length;
use crate::shape::{Path, Problems, Schemas, Shape};
use crate::v1::channels::{Contexts, given, identifier_rule};
use crate::{choices, dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-connections/sessions", "ChannelConnectionSessions_create", "Create a link to the hosted connect page", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<CreateConnectSession>()
    .answers::<ConnectSessionResponse>()
);

/// What a link lasts when nothing is said, and at most.
const LASTS: i64 = 3600;
const LASTS_AT_MOST: i64 = 24 * 3600;

choices! {
    /// What can be chosen on the page.
    PickChoice { Channel = "channel", User = "user", None = "none", }
}

dto! {
    /// How the page looks.
    ConnectAppearance {
        /// What you call yourself.
        optional name: String = "name" [length(1, 80)];
        /// Your colour, as `#rrggbb`.
        optional color: String = "color" [color_rule];
    }
}

dto! {
    /// A link to make.
    CreateConnectSession {
        required integration_identifier: String = "integrationIdentifier";
        /// Who connects, and whose endpoints are chosen.
        optional subscriber_id: String = "subscriberId";
        /// What the connection is for; contexts that are not there yet are created when somebody connects.
        optional context: Contexts = "context";
        /// Whether the connection belongs to the subscriber, or to everybody in the context.
        optional connection_mode: ConnectionMode = "connectionMode";
        /// The identifier that a new connection gets.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// What to ask the vendor for, instead of the usual scopes.
        optional scope: Vec<String> = "scope";
        /// Whether who connects becomes an endpoint of the subscriber too.
        optional auto_link_user: bool = "autoLinkUser";
        /// What can be chosen; a channel when there is a subscriber, else nothing.
        optional pick: PickChoice = "pick";
        /// Where a link leads that is shown when the connection works.
        optional redirect_url: String = "redirectUrl" [web_address];
        optional appearance: ConnectAppearance = "appearance";
        /// How many seconds the link lasts: 3600 by default, at most 86400.
        optional expires_in: Seconds = "expiresIn" [lasting];
    }
}

view! {
    /// A link to the hosted connect page.
    ConnectSessionResponse {
        /// For the browser of the person who connects. Whoever has it can use it.
        url: String = "url";
        expires_at: Time = "expiresAt";
    }
}

/// A number of seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(i64);

impl Shape for Seconds {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let seconds = value.as_i64();
        if seconds.is_none() {
            problems.add(path, "must be an integer number");
        }
        seconds.map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": 1, "maximum": LASTS_AT_MOST })
    }
}

fn lasting(seconds: &Seconds) -> Option<String> {
    match seconds.0 {
        ..1 => Some("must not be less than 1".to_owned()),
        1..=LASTS_AT_MOST => None,
        _ => Some(format!("must not be greater than {LASTS_AT_MOST}")),
    }
}

fn color_rule(text: &str) -> Option<String> {
    (!color::is_color(text)).then(|| "must be a colour of the form #rrggbb".to_owned())
}

/// An address that a browser can be sent to, and that runs no script.
fn web_address(text: &str) -> Option<String> {
    let address = Url::parse(text).ok();
    let fits = address.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    (!fits || text.len() > 1024).then(|| "must be an http or https address of at most 1024 characters".to_owned())
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateConnectSession = call.body()?;
    let connect = call.app.connect();
    let store = call.store();
    let identifier = &body.integration_identifier;
    let integration = store.integration_by_identifier(&call.ctx, identifier).await?;
    let integration = integration
        .filter(|one| one.channel == Some(Channel::Chat) && hosted::has_oauth(&one.provider_id))
        .ok_or_else(|| {
            let environment = call.ctx.environment;
            Error::not_found(format!(
                "Integration not found: {identifier} in environment {environment}"
            ))
        })?;
    let contexts = body.context.unwrap_or_default();
    let subscriber_id = given(body.subscriber_id);
    mode::check(
        body.connection_mode,
        subscriber_id.is_some(),
        !contexts.set().is_empty(),
    )?;
    let subscriber = match &subscriber_id {
        None => None,
        Some(id) => {
            let found = store.subscriber(&call.ctx, id).await?;
            Some(found.ok_or_else(|| Error::not_found(format!("Subscriber not found: {id}")))?)
        }
    };
    let pick = pick(body.pick, subscriber.is_some())?;
    let lasts = body.expires_in.map_or(LASTS, |seconds| seconds.0);
    let appearance = body.appearance;
    let (name, color) = appearance.map_or((None, None), |look| (given(look.name), look.color));
    let link = Link {
        organization: call.ctx.organization,
        environment: call.ctx.environment,
        ends_at: store.now().plus(Duration::from_secs(u64::try_from(lasts).unwrap_or(0))),
        to: Target::Session(Box::new(Session {
            integration: Some(integration.id),
            subscriber: subscriber.map(|subscriber| subscriber.id),
            shared: !mode::is_owned(body.connection_mode),
            contexts: contexts.0,
            identifier: given(body.connection_identifier),
            scopes: body.scope,
            auto_link_user: body.auto_link_user.unwrap_or_default(),
            pick,
            back_to: body.redirect_url,
            name,
            color: color.map(|color| color.to_ascii_lowercase()),
        })),
    };
    let token = link.token(store.secrets());
    if token.len() > hosted::LONGEST {
        return Err(Error::bad_request(format!(
            "What the link has to hold makes it longer than {} characters. Create the contexts with their data first \
             (POST /v2/contexts), and name them by id.",
            hosted::LONGEST
        )));
    }
    let url = hosted::address(connect, &token).ok_or_else(no_public_url)?;
    Reply::data(
        201,
        &ConnectSessionResponse {
            url: url.into(),
            expires_at: link.ends_at,
        },
    )
}

/// Endpoints belong to a subscriber, so there has to be one where one is to be chosen.
fn pick(asked: Option<PickChoice>, has_subscriber: bool) -> Result<Pick> {
    let pick = match asked {
        Some(PickChoice::Channel) => Pick::Channel,
        Some(PickChoice::User) => Pick::User,
        Some(PickChoice::None) => Pick::None,
        None if has_subscriber => Pick::Channel,
        None => Pick::None,
    };
    if pick != Pick::None && !has_subscriber {
        return Err(Error::bad_request(
            "subscriberId is required when pick is \"channel\" or \"user\": what is chosen becomes an endpoint of the subscriber",
        ));
    }
    Ok(pick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_the_web_only() {
        for good in ["https://app.example/a?b=c", "http://127.0.0.1:3000/"] {
            assert_eq!(web_address(good), None, "{good}");
        }
        let long = format!("https://app.example/{}", "a".repeat(1024));
        for bad in [
            "",
            "app.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "https://",
            &long,
        ] {
            assert!(web_address(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_choice_needs_somebody_to_choose_for() {
        assert_eq!(pick(None, true).unwrap(), Pick::Channel);
        assert_eq!(pick(None, false).unwrap(), Pick::None);
        assert_eq!(pick(Some(PickChoice::None), true).unwrap(), Pick::None);
        assert!(pick(Some(PickChoice::User), false).is_err());
    }

    #[test]
    fn a_link_lasts_a_day_at_most() {
        assert!(lasting(&Seconds(0)).is_some() && lasting(&Seconds(-5)).is_some());
        assert!(lasting(&Seconds(1)).is_none() && lasting(&Seconds(86_400)).is_none());
        assert!(lasting(&Seconds(86_401)).is_some());
    }
}
