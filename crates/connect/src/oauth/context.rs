//! The contexts of a link, and the hash by which a caller who cannot keep a secret shows that they may name them.

use campanile_model::context::{ContextSet, NamedContext};
use campanile_model::{Ctx, Error, Result};
use serde_json::{Map, Value};

use super::place::is_on;
use crate::Connect;
use crate::vouching::Signers;

/// The contexts that a link is for.
#[derive(Clone, Debug, Default)]
pub struct GivenContext {
    /// The contexts.
    pub contexts: Vec<NamedContext>,
    /// The payload as it was given, of which the hash is made.
    pub payload: Option<Value>,
    /// The `contextHash` that came with it.
    pub hash: Option<String>,
    /// A session has verified them already.
    pub verified: bool,
}

impl GivenContext {
    /// The contexts of a session.
    pub fn of_session(set: &ContextSet, verified: bool) -> Self {
        Self {
            contexts: set.named(),
            verified,
            ..Self::default()
        }
    }

    /// The set that they make.
    pub fn set(&self) -> ContextSet {
        ContextSet::of(&self.contexts)
    }
}

/// Refuses contexts without the hash that the integration asks for.
pub(crate) async fn check(
    connect: &Connect,
    ctx: &Ctx,
    credentials: &Map<String, Value>,
    given: &GivenContext,
) -> Result<()> {
    if !is_on(credentials, "hmac") || given.verified {
        return Ok(());
    }
    let payload = given.payload.as_ref().filter(|_| !given.contexts.is_empty());
    let payload =
        payload.ok_or_else(|| Error::bad_request("A context is required when HMAC validation is enabled."))?;
    let hash = given
        .hash
        .as_deref()
        .filter(|hash| !hash.is_empty())
        .ok_or_else(|| Error::bad_request("A valid contextHash is required when HMAC validation is enabled."))?;
    let signers = Signers::of(connect.store(), ctx).await?;
    if signers.are_none() {
        return Err(Error::not_found(format!(
            "Environment ID: {} not found",
            ctx.environment
        )));
    }
    if signers.vouch_for_context(payload, hash) {
        return Ok(());
    }
    Err(Error::bad_request("Please provide a valid context HMAC hash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contexts_of_a_session_are_its_keys() {
        let set = ContextSet::new(["tenant:acme".to_owned(), "app:a:b".to_owned()]);
        let given = GivenContext::of_session(&set, true);
        assert_eq!(given.set(), set);
        assert!(given.verified && given.payload.is_none());
    }
}
