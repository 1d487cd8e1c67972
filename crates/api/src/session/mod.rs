//! Inbox sessions: a subscriber in a browser, known by a token that we signed. What such a caller sees and may do is
//! decided here, because anybody who knows a subscriber's id may begin a session where HMAC is not asked for.

mod token;

use std::time::Duration;

use axum::http::{HeaderMap, header};
use campanile_model::context::ContextSet;
use campanile_model::{Actor, Ctx, Error, Id, Permissions, Result};
use campanile_store::Store;
use campanile_store::environments::Environment;
use campanile_store::subscribers::Subscriber;
use ring::hmac;

use token::Claims;

/// How long it is trusted without a look at the database that a subscriber is there and their sessions were not ended,
/// should a notice of a change get lost.
const REMEMBERED: Duration = Duration::from_secs(10);

/// Who a subscriber's call comes from.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The subscriber, by our id.
    pub(crate) subscriber: Id,
    /// The subscriber, by the caller's id.
    pub(crate) subscriber_id: String,
    /// What the session is about: nothing of another set is seen.
    pub(crate) contexts: ContextSet,
    /// Whether an HMAC vouches for the subscriber.
    pub(crate) verified: bool,
    /// Whether an HMAC vouches for the contexts.
    pub(crate) context_verified: bool,
}

/// What vouches for a session that begins.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) subscriber: bool,
    pub(crate) contexts: bool,
}

/// Makes and reads tokens. The counts of ended sessions are remembered under the number of configuration changes: a
/// change makes all of them unknown.
pub(crate) struct Sessions {
    key: hmac::Key,
    lifetime: Duration,
    epochs: moka::sync::Cache<(u64, Id), Option<i64>>,
}

impl Sessions {
    pub(crate) fn new(secret: &[u8], lifetime: Duration) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            lifetime,
            epochs: moka::sync::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }

    /// The token of a session that begins now.
    pub(crate) fn begin(
        &self,
        store: &Store,
        environment: &Environment,
        subscriber: &Subscriber,
        epoch: i64,
        contexts: &ContextSet,
        vouched: Vouched,
    ) -> Result<String> {
        let now = store.now();
        let told = |name: &str| {
            let text = subscriber.field(name).filter(|_| vouched.subscriber);
            text.map(str::to_owned)
        };
        let claims = Claims {
            id: subscriber.id.to_string(),
            subscriber_id: subscriber.subscriber_id.clone(),
            organization_id: environment.organization_id.to_string(),
            environment_id: environment.id.to_string(),
            context_keys: contexts.keys().to_vec(),
            verified: vouched.subscriber,
            context_verified: vouched.contexts,
            epoch,
            first_name: told("firstName"),
            last_name: told("lastName"),
            email: told("email"),
            iat: now.millis().div_euclid(1000),
            exp: now.plus(self.lifetime).millis().div_euclid(1000),
        };
        token::sign(&self.key, &claims).map_err(Error::internal)
    }

    /// The context and the session of a call with these headers.
    pub(crate) async fn authenticate(
        &self,
        store: &Store,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Result<(Ctx, Session)> {
        let token = bearer(headers).ok_or_else(|| Error::unauthenticated("An inbox session is needed"))?;
        let over = || Error::unauthenticated("The inbox session is not valid (any more); begin a new one");
        let claims = token::read(&self.key, token).ok_or_else(over)?;
        if store.now().millis() >= claims.exp.saturating_mul(1000) {
            return Err(over());
        }
        let id = |text: &str| text.parse::<Id>().map_err(|_| over());
        let subscriber = id(&claims.id)?;
        let ctx = Ctx {
            organization: id(&claims.organization_id)?,
            environment: id(&claims.environment_id)?,
            actor: Actor::Subscriber(subscriber),
            permissions: Permissions::NONE,
            request_id: request_id.to_owned(),
        };
        if self.epoch(store, &ctx, subscriber).await? != Some(claims.epoch) {
            return Err(over());
        }
        let session = Session {
            subscriber,
            subscriber_id: claims.subscriber_id,
            contexts: ContextSet::new(claims.context_keys),
            verified: claims.verified,
            context_verified: claims.context_verified,
        };
        Ok((ctx, session))
    }

    async fn epoch(&self, store: &Store, ctx: &Ctx, subscriber: Id) -> Result<Option<i64>> {
        let known = (store.db().signals().configuration(), subscriber);
        if let Some(epoch) = self.epochs.get(&known) {
            return Ok(epoch);
        }
        let epoch = store.session_epoch(ctx, subscriber).await?;
        self.epochs.insert(known, epoch);
        Ok(epoch)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
