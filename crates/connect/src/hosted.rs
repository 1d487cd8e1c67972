//! Links to the hosted connect page. A link is signed and holds all that the page has to know, so that making one
//! writes nothing. Whoever holds it may do what it says, and nothing else: it names one environment, one integration,
//! and one connection or the one place where a connection may be.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use campanile_model::channel::HealthStatus;
use campanile_model::context::{self, ContextSet, NamedContext};
use campanile_model::{Ctx, Id, Time};
use campanile_store::connections::Connection;
use campanile_store::endpoints::Endpoint;
use campanile_store::grants::Grant;
use campanile_store::{Secrets, StoreError};
use serde_json::{Map, Value, json};
use url::Url;

use crate::Connect;

const PURPOSE: &str = "connect page link";
/// A reconnect link that is not used ends after this time.
const RECONNECT_LASTS: Duration = Duration::from_hours(30 * 24);
/// Ends of reconnect links are rounded down to this, so that asking twice gives the same link.
const ROUNDED_TO: i64 = 3_600_000;
/// Browsers and proxies take addresses of this length.
pub const LONGEST: usize = 4096;

/// What somebody who holds a link may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The tenant of the server.
    pub organization: Id,
    /// The environment.
    pub environment: Id,
    /// When the link ends.
    pub ends_at: Time,
    /// What it leads to.
    pub to: Target,
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Connect a workspace, choose where messages go, disconnect: asked for by our user.
    Session(Box<Session>),
    /// Mend one connection, and nothing else.
    Reconnect(Reconnect),
}

/// What our user asked for when they made a link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// The integration, by our id: identifiers may change.
    pub integration: Option<Id>,
    /// Who connects, and whose endpoints are chosen.
    pub subscriber: Option<Id>,
    /// Whether the connection belongs to the contexts instead of the subscriber.
    pub shared: bool,
    /// What the connection is for.
    pub contexts: Vec<NamedContext>,
    /// The identifier that a new connection gets.
    pub identifier: Option<String>,
    /// Scopes to ask for instead of the usual ones.
    pub scopes: Option<Vec<String>>,
    /// Whether who connects becomes an endpoint too.
    pub auto_link_user: bool,
    /// What may be chosen.
    pub pick: Pick,
    /// Where the person goes when all is done.
    pub back_to: Option<String>,
    /// What our user calls themselves.
    pub name: Option<String>,
    /// Our user's colour, `#rrggbb`.
    pub color: Option<String>,
}

/// Which connection a link mends, and which state of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconnect {
    /// The connection, by our id.
    pub connection: Id,
    /// The connection, by the caller's id.
    pub identifier: String,
    /// What it rested on when the link was made.
    pub grant: Id,
    /// The tokens of that time: with the next ones the link has done its work.
    pub generation: i64,
}

/// What can be chosen on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// A channel or room.
    Channel,
    /// A person.
    User,
    /// Nothing.
    #[default]
    None,
}

impl Pick {
    const ALL: [Self; 3] = [Self::Channel, Self::User, Self::None];

    /// The word on the wire.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::User => "user",
            Self::None => "none",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pick| pick.wire() == text)
    }
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was not made here, or was changed.
    Unknown,
    /// Its time is over.
    Ended,
}

impl Link {
    /// The token that stands for this link in an address.
    pub fn token(&self, secrets: &Secrets) -> String {
        let payload = BASE64.encode(self.to_json().to_string());
        let signature = hex::decode(secrets.lookup_hash(PURPOSE, &payload)).unwrap_or_default();
        format!("{payload}.{}", BASE64.encode(signature))
    }

    /// The link that a token stands for.
    pub fn read(secrets: &Secrets, token: &str, now: Time) -> Result<Self, Refused> {
        let (payload, signature) = token.split_once('.').ok_or(Refused::Unknown)?;
        let signature = BASE64.decode(signature).map_err(|_| Refused::Unknown)?;
        if !secrets.hash_matches(PURPOSE, payload, &hex::encode(signature)) {
            return Err(Refused::Unknown);
        }
        let payload = BASE64.decode(payload).map_err(|_| Refused::Unknown)?;
        let payload = serde_json::from_slice(&payload).map_err(|_| Refused::Unknown)?;
        let link = Self::from_json(&payload).ok_or(Refused::Unknown)?;
        if link.ends_at <= now {
            return Err(Refused::Ended);
        }
        Ok(link)
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() && value != false {
                object.insert(key.to_owned(), value);
            }
        };
        put("o", json!(self.organization));
        put("e", json!(self.environment));
        put("x", json!(self.ends_at.millis()));
        match &self.to {
            Target::Session(session) => {
                put("i", json!(session.integration));
                put("s", json!(session.subscriber));
                put("m", json!(session.shared));
                put("c", contexts_json(&session.contexts));
                put("n", json!(session.identifier));
                put("q", json!(session.scopes));
                put("l", json!(session.auto_link_user));
                put("p", json!(session.pick.wire()));
                put("b", json!(session.back_to));
                put("a", json!(session.name));
                put("f", json!(session.color));
            }
            Target::Reconnect(reconnect) => {
                put("r", json!(reconnect.connection));
                put("n", json!(reconnect.identifier));
                put("g", json!(reconnect.grant));
                put("t", json!(reconnect.generation));
            }
        }
        Value::Object(object)
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = |key: &str| value.get(key).and_then(Value::as_str)?.parse::<Id>().ok();
        let flag = |key: &str| value.get(key) == Some(&Value::Bool(true));
        let to = if let Some(connection) = id("r") {
            Target::Reconnect(Reconnect {
                connection,
                identifier: text("n")?,
                grant: id("g")?,
                generation: value.get("t")?.as_i64()?,
            })
        } else {
            let scopes = value.get("q").and_then(Value::as_array);
            Target::Session(Box::new(Session {
                integration: Some(id("i")?),
                subscriber: id("s"),
                shared: flag("m"),
                contexts: match value.get("c") {
                    None => Vec::new(),
                    Some(contexts) => context::parse(contexts).ok()?,
                },
                identifier: text("n"),
                scopes: scopes.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
                auto_link_user: flag("l"),
                pick: Pick::parse(&text("p")?)?,
                back_to: text("b"),
                name: text("a"),
                color: text("f"),
            }))
        };
        Some(Self {
            organization: id("o")?,
            environment: id("e")?,
            ends_at: Time::from_millis(value.get("x")?.as_i64()?),
            to,
        })
    }
}

impl Session {
    /// The contexts as one set.
    pub fn context_set(&self) -> ContextSet {
        ContextSet::of(&self.contexts)
    }
}

/// Contexts in the form of the API.
fn contexts_json(contexts: &[NamedContext]) -> Value {
    if contexts.is_empty() {
        return Value::Null;
    }
    let one = |context: &NamedContext| match &context.data {
        None => Value::from(context.id.as_str()),
        Some(data) => json!({ "id": context.id, "data": data }),
    };
    Value::Object(
        contexts
            .iter()
            .map(|context| (context.kind.clone(), one(context)))
            .collect(),
    )
}

/// Whether customers connect this provider by OAuth, on the vendor's page.
pub fn has_oauth(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "msteams" | "webex-messaging")
}

/// Whether a consent of the customer would mend, or keep, what stands so.
pub fn wants_consent(status: HealthStatus, missing_scopes: Option<&[String]>) -> bool {
    match status {
        HealthStatus::NeedsReauth | HealthStatus::Revoked | HealthStatus::Expiring => true,
        HealthStatus::Degraded => missing_scopes.is_some_and(|scopes| !scopes.is_empty()),
        HealthStatus::Active | HealthStatus::Broken => false,
    }
}

/// The address of the page for a token; nothing when nobody can be sent there.
pub fn address(connect: &Connect, token: &str) -> Option<Url> {
    let base = connect.settings().public_url.as_ref()?;
    base.join(&format!("connect/{token}")).ok()
}

/// The link that mends a connection, where the customer's consent can mend it.
pub fn reconnect_url(connect: &Connect, ctx: &Ctx, connection: &Connection) -> Option<Url> {
    let place = (connection.id, connection.identifier.as_str());
    mending(connect, ctx, &connection.provider_id, place, &connection.grant)
}

/// The same links for endpoints whose connections they mend, by our ids of the endpoints.
pub async fn reconnect_urls(
    connect: &Connect,
    ctx: &Ctx,
    endpoints: &[Endpoint],
) -> Result<HashMap<Id, Url>, StoreError> {
    let of_oauth = |endpoint: &&Endpoint| has_oauth(&endpoint.provider_id);
    let grants: BTreeSet<Id> = endpoints
        .iter()
        .filter(of_oauth)
        .filter_map(|endpoint| endpoint.grant_id)
        .collect();
    let grants = connect.store().grants_by_id(ctx, grants.into_iter().collect()).await?;
    let grants: HashMap<Id, Grant> = grants.into_iter().map(|grant| (grant.id, grant)).collect();
    let link = |endpoint: &Endpoint| {
        let place = (endpoint.connection_id?, endpoint.connection_identifier.as_deref()?);
        let grant = grants.get(&endpoint.grant_id?)?;
        let url = mending(connect, ctx, &endpoint.provider_id, place, grant)?;
        Some((endpoint.id, url))
    };
    Ok(endpoints.iter().filter_map(link).collect())
}

/// A link to mend a connection, by our id and the caller's, where a consent can mend its grant.
fn mending(
    connect: &Connect,
    ctx: &Ctx,
    provider_id: &str,
    (id, identifier): (Id, &str),
    grant: &Grant,
) -> Option<Url> {
    if !has_oauth(provider_id) || !wants_consent(grant.status, grant.missing_scopes.as_deref()) {
        return None;
    }
    let now = connect.store().now().millis();
    let link = Link {
        organization: ctx.organization,
        environment: ctx.environment,
        ends_at: Time::from_millis(now - now.rem_euclid(ROUNDED_TO)).plus(RECONNECT_LASTS),
        to: Target::Reconnect(Reconnect {
            connection: id,
            identifier: identifier.to_owned(),
            grant: grant.id,
            generation: grant.generation,
        }),
    };
    address(connect, &link.token(connect.store().secrets()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::from_millis(1_769_860_800_000);

    fn secrets() -> Secrets {
        Secrets::new(&[7; 32]).unwrap()
    }

    fn session() -> Link {
        let contexts = context::parse(&json!({ "tenant": { "id": "acme", "data": { "a": 1 } }, "project": "p1" }));
        Link {
            organization: Id::from_bytes([1; 12]),
            environment: Id::from_bytes([2; 12]),
            ends_at: NOW.plus(Duration::from_mins(1)),
            to: Target::Session(Box::new(Session {
                integration: Some(Id::from_bytes([3; 12])),
                subscriber: Some(Id::from_bytes([4; 12])),
                shared: true,
                contexts: contexts.unwrap(),
                identifier: Some("mine".to_owned()),
                scopes: Some(vec!["chat:write".to_owned()]),
                auto_link_user: true,
                pick: Pick::Channel,
                back_to: Some("https://app.example/settings?a=b".to_owned()),
                name: Some("Ünïcode & Sons".to_owned()),
                color: Some("#4a154b".to_owned()),
            })),
        }
    }

    fn reconnect() -> Link {
        Link {
            to: Target::Reconnect(Reconnect {
                connection: Id::from_bytes([5; 12]),
                identifier: "chconn_1".to_owned(),
                grant: Id::from_bytes([6; 12]),
                generation: 7,
            }),
            ..session()
        }
    }

    #[test]
    fn a_link_is_read_as_it_was_written_until_it_ends() {
        for link in [session(), reconnect()] {
            let token = link.token(&secrets());
            assert!(
                token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            );
            assert_eq!(Link::read(&secrets(), &token, NOW), Ok(link.clone()));
            assert_eq!(Link::read(&secrets(), &token, link.ends_at), Err(Refused::Ended));
            let others = Secrets::new(&[8; 32]).unwrap();
            assert_eq!(Link::read(&others, &token, NOW), Err(Refused::Unknown));
        }
    }

    #[test]
    fn a_signature_for_something_else_is_none() {
        let payload = BASE64.encode(session().to_json().to_string());
        let signature = hex::decode(secrets().lookup_hash("connect page form", &payload)).unwrap();
        let token = format!("{payload}.{}", BASE64.encode(signature));
        assert_eq!(Link::read(&secrets(), &token, NOW), Err(Refused::Unknown));
    }

    proptest! {
        #[test]
        fn a_changed_link_opens_nothing(at in 0usize..10_000, byte in "[A-Za-z0-9_.-]") {
            let token = session().token(&secrets());
            let at = at % token.len();
            let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
            if changed != token {
                prop_assert!(Link::read(&secrets(), &changed, NOW).is_err());
            }
        }

        #[test]
        fn any_text_is_read_without_harm(token in ".*") {
            prop_assert_eq!(Link::read(&secrets(), &token, NOW), Err(Refused::Unknown));
        }
    }

    #[test]
    fn consent_mends_what_the_customer_broke() {
        let missing = ["users:read".to_owned()];
        for (status, scopes, expected) in [
            (HealthStatus::Active, Some(&missing[..]), false),
            (HealthStatus::Degraded, None, false),
            (HealthStatus::Degraded, Some(&[]), false),
            (HealthStatus::Degraded, Some(&missing[..]), true),
            (HealthStatus::Expiring, None, true),
            (HealthStatus::NeedsReauth, None, true),
            (HealthStatus::Revoked, None, true),
            (HealthStatus::Broken, None, false),
        ] {
            assert_eq!(wants_consent(status, scopes), expected, "{status}");
        }
        assert!(has_oauth("slack") && has_oauth("msteams") && !has_oauth("discord") && !has_oauth("telegram"));
    }
}
