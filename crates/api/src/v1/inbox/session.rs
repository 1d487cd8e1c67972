//! `POST /v1/inbox/session`: begins a session. A token that the caller holds already is not looked at: the official
//! client sends the last subscriber's when it changes to another one.

use campanile_connect::vouching::Signers;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Error, Result};
use campanile_store::environments::Environment;
use campanile_store::subscribers::Subscriber;
use campanile_store::{Batch, Store};
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::session::Vouched;
use crate::shape::{Path, Problems, Schemas, Shape};
use crate::v1::channels::{Contexts, TRIES, given};
use crate::v2::subscribers::{CreateSubscriber, lost_race, too_contended, upsert};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/session", "InboxController_initializeSession", "Begin an inbox session", run,
    .public()
    .takes::<BeginSession>()
    .answers::<SessionResponse>()
);

dto! {
    /// Who begins a session where.
    BeginSession {
        /// The environment's application identifier.
        optional application_identifier: String = "applicationIdentifier";
        /// The subscriber: their id, or their id and what is known of them.
        optional subscriber: Person = "subscriber";
        /// The same, as older clients send it.
        optional subscriber_id: String = "subscriberId";
        /// HMAC-SHA256 of the subscriberId, keyed with the environment's secret key, in hex.
        optional subscriber_hash: String = "subscriberHash";
        /// What the session is about.
        optional context: NamedContexts = "context";
        /// HMAC-SHA256 of the context's canonical JSON, likewise.
        optional context_hash: String = "contextHash";
    }
}

/// A subscriber as a text or as an object.
#[derive(Clone, Debug)]
pub(crate) struct Person(CreateSubscriber);

impl Shape for Person {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::String(id) => CreateSubscriber::read(&json!({ "subscriberId": id }), path, problems).map(Self),
            value => CreateSubscriber::read(value, path, problems).map(Self),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "oneOf": [{ "type": "string" }, CreateSubscriber::schema(schemas)] })
    }
}

/// Contexts, and the text in which they were named: its hash is what vouches for them.
#[derive(Clone, Debug)]
pub(crate) struct NamedContexts {
    pub(super) contexts: Contexts,
    pub(super) text: Value,
}

impl Shape for NamedContexts {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let contexts = Contexts::read(value, path, problems)?;
        Some(Self {
            contexts,
            text: value.clone(),
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Contexts::schema(schemas)
    }
}

view! {
    /// A session that has begun.
    SessionResponse {
        token: String = "token";
        total_unread_count: u32 = "totalUnreadCount";
        unread_count: UnreadCountResponse = "unreadCount";
        remove_novu_branding: bool = "removeNovuBranding";
        is_development_mode: bool = "isDevelopmentMode";
        /// Nothing can be snoozed yet.
        max_snooze_duration_hours: u32 = "maxSnoozeDurationHours";
        context_keys: Vec<String> = "contextKeys";
        application_identifier: String = "applicationIdentifier";
    }
}

view! {
    /// How many notifications are unread.
    UnreadCountResponse {
        total: u32 = "total";
        severity: SeverityCountResponse = "severity";
    }
}

view! {
    /// The same, by severity.
    SeverityCountResponse {
        high: u32 = "high";
        medium: u32 = "medium";
        low: u32 = "low";
        none: u32 = "none";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: BeginSession = call.body()?;
    let store = call.store();
    let application = given(body.application_identifier.clone());
    let person = person(&body)?;
    let (application, person) = match (application, person) {
        (Some(application), Some(person)) => (application, person),
        (None, None) => return Err(Error::bad_request("Keyless is not supported in community edition")),
        (None, Some(_)) => {
            return Err(Error::invalid(vec![
                "applicationIdentifier should not be empty".to_owned(),
            ]));
        }
        (Some(_), None) => return Err(Error::invalid(vec!["Subscriber ID is required".to_owned()])),
    };
    let environment = store
        .environment_of_application(&application)
        .await?
        .ok_or_else(|| Error::bad_request("Please provide a valid application identifier"))?;
    let ctx = Ctx::system(environment.organization_id, environment.id, &call.ctx.request_id);
    let vouched = vouched(store, &ctx, &body, &person).await?;
    let contexts = body.context.map(|named| named.contexts).unwrap_or_default();
    let (subscriber, epoch) = enter(&call, &ctx, &person, &contexts, vouched).await?;
    let token = call
        .app
        .sessions()
        .begin(store, &environment, &subscriber, epoch, &contexts.set(), vouched)?;
    Reply::data(201, &response(token, environment, &contexts.set()))
}

/// Who the session is for; empty texts count as nobody.
fn person(body: &BeginSession) -> Result<Option<CreateSubscriber>> {
    if let Some(Person(person)) = &body.subscriber {
        return Ok(Some(person.clone()));
    }
    let Some(id) = given(body.subscriber_id.clone()) else {
        return Ok(None);
    };
    let mut problems = Problems::default();
    let read = CreateSubscriber::read(&json!({ "subscriberId": id }), &Path::Root, &mut problems);
    match read {
        Some(person) if problems.is_empty() => Ok(Some(person)),
        _ => Err(problems.into_error()),
    }
}

/// What the hashes vouch for. Where the in-app integration asks for HMAC, what is not vouched for has no session.
async fn vouched(store: &Store, ctx: &Ctx, body: &BeginSession, person: &CreateSubscriber) -> Result<Vouched> {
    let integration = store
        .integrations_all(ctx)
        .await?
        .into_iter()
        .find(|integration| integration.channel == Some(Channel::InApp) && integration.active)
        .ok_or_else(|| Error::not_found("The active in-app integration could not be found"))?;
    let is_strict = is_on(&store.open_credentials(&integration)?, "hmac");
    let subscriber_hash = body.subscriber_hash.as_deref().unwrap_or_default();
    let context_hash = body.context_hash.as_deref().unwrap_or_default();
    let context = body.context.as_ref().filter(|named| !named.contexts.0.is_empty());
    let vouched = if subscriber_hash.is_empty() && context_hash.is_empty() {
        Vouched::default()
    } else {
        let signers = Signers::of(store, ctx).await?;
        Vouched {
            subscriber: signers.vouch_for_subscriber(person.id(), subscriber_hash),
            contexts: context.is_some_and(|named| signers.vouch_for_context(&named.text, context_hash)),
        }
    };
    if is_strict && !(vouched.subscriber && (vouched.contexts || context.is_none())) {
        return Err(Error::bad_request("Please provide a valid HMAC hash"));
    }
    Ok(vouched)
}

/// A switch among credentials, which some clients store as a text.
pub(super) fn is_on(credentials: &Map<String, Value>, name: &str) -> bool {
    match credentials.get(name) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// The subscriber as they are from now on, and how often their sessions were ended. A missing one is created; only whom
/// a hash vouches for is changed, because anybody may send an id.
async fn enter(
    call: &Call,
    ctx: &Ctx,
    person: &CreateSubscriber,
    contexts: &Contexts,
    vouched: Vouched,
) -> Result<(Subscriber, i64)> {
    let store = call.store();
    for _ in 0..TRIES {
        let known = store.subscriber(ctx, person.id()).await?;
        let mut batch = Batch::new();
        store.find_or_create_contexts(&mut batch, ctx, &contexts.0);
        let (subscriber, is_new) = match known {
            Some(known) if !vouched.subscriber => (known, false),
            known => upsert(store, &mut batch, ctx, known, person.id(), person.given()),
        };
        if !batch.is_empty() {
            match store.commit(batch).await {
                Ok(_) => {}
                Err(error) if lost_race(&error) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        if is_new {
            return Ok((subscriber, 0));
        }
        // Nobody when they were deleted meanwhile: then they are created again.
        if let Some(epoch) = store.session_epoch(ctx, subscriber.id).await? {
            return Ok((subscriber, epoch));
        }
    }
    too_contended()
}

fn response(token: String, environment: Environment, contexts: &ContextSet) -> SessionResponse {
    SessionResponse {
        token,
        // No workflow has an in-app step yet.
        total_unread_count: 0,
        unread_count: UnreadCountResponse {
            total: 0,
            severity: SeverityCountResponse {
                high: 0,
                medium: 0,
                low: 0,
                none: 0,
            },
        },
        remove_novu_branding: true,
        is_development_mode: environment.kind != "prod",
        max_snooze_duration_hours: 0,
        context_keys: contexts.keys().to_vec(),
        application_identifier: environment.identifier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<Option<String>, Vec<String>> {
        let mut problems = Problems::default();
        let read = BeginSession::read(body, &Path::Root, &mut problems).filter(|_| problems.is_empty());
        let Some(read) = read else {
            let errors = problems.into_error().errors().cloned().unwrap_or_default();
            let messages = errors["general"]["messages"].as_array().cloned().unwrap_or_default();
            return Err(messages.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        };
        Ok(person(&read).unwrap().map(|person| person.id().to_owned()))
    }

    #[test]
    fn a_subscriber_is_named_in_three_ways() {
        for body in [
            json!({ "subscriber": "ann" }),
            json!({ "subscriber": { "subscriberId": "ann", "firstName": "Ann" } }),
            json!({ "subscriberId": "ann" }),
            json!({ "subscriberId": "bob", "subscriber": "ann" }),
        ] {
            assert_eq!(read(&body), Ok(Some("ann".to_owned())), "{body}");
        }
        assert_eq!(read(&json!({})), Ok(None));
        assert_eq!(read(&json!({ "subscriberId": "" })), Ok(None));
        let problems = read(&json!({ "subscriber": { "subscriberId": "" } })).unwrap_err();
        assert!(
            problems[0].starts_with("subscriber.subscriberId should not be empty"),
            "{problems:?}"
        );
        let problems = read(&json!({ "subscriber": { "subscriberId": "ann", "email": "x" } })).unwrap_err();
        assert_eq!(problems, ["subscriber.email must be an email"]);
    }

    #[test]
    fn switches_may_be_texts() {
        let credentials = |value: Value| Map::from_iter([("hmac".to_owned(), value)]);
        assert!(is_on(&credentials(json!(true)), "hmac") && is_on(&credentials(json!("true")), "hmac"));
        assert!(!is_on(&credentials(json!(false)), "hmac") && !is_on(&credentials(json!("false")), "hmac"));
        assert!(!is_on(&Map::new(), "hmac"));
    }
}
