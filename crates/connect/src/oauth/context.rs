//! The contexts of a link, and the hash by which a caller who cannot keep a secret shows that they may name them.

use campanile_model::context::{ContextSet, NamedContext};
use campanile_model::{Ctx, Error, Result};
use ring::hmac;
use serde_json::{Map, Value};

use super::place::is_on;
use crate::Connect;

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
        let contexts = set.keys().iter().filter_map(|key| {
            let (kind, id) = key.split_once(':')?;
            Some(NamedContext {
                kind: kind.to_owned(),
                id: id.to_owned(),
                data: None,
            })
        });
        Self {
            contexts: contexts.collect(),
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
    let store = connect.store();
    let keys = store.api_keys(ctx).await?;
    let now = store.now();
    // A scoped key signs nothing: it is not the environment's secret.
    let mut secrets = keys
        .iter()
        .filter(|(key, _)| key.scopes.is_none() && !key.is_expired(now))
        .peekable();
    if secrets.peek().is_none() {
        return Err(Error::not_found(format!(
            "Environment ID: {} not found",
            ctx.environment
        )));
    }
    let text = canonical(payload);
    if secrets.any(|(_, secret)| matches(secret, &text, hash)) {
        return Ok(());
    }
    Err(Error::bad_request("Please provide a valid context HMAC hash"))
}

fn matches(secret: &str, text: &str, hash: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::decode(hash).is_ok_and(|hash| hmac::verify(&key, text.as_bytes(), &hash).is_ok())
}

/// JSON with sorted keys and no blanks.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_is_of_the_payload_in_one_form() {
        let payload = json!({ "tenant": { "id": "acme", "data": { "b": [1, "x"], "a": null } }, "app": "x\"y" });
        let text = canonical(&payload);
        assert_eq!(
            text,
            r#"{"app":"x\"y","tenant":{"data":{"a":null,"b":[1,"x"]},"id":"acme"}}"#
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let hash = hex::encode(hmac::sign(&key, text.as_bytes()));
        assert!(matches("key", &text, &hash));
        for (secret, hash) in [
            ("other", hash.as_str()),
            ("key", ""),
            ("key", "zz"),
            ("key", &hash[2..]),
        ] {
            assert!(!matches(secret, &text, hash), "{secret} {hash}");
        }
    }

    #[test]
    fn the_contexts_of_a_session_are_its_keys() {
        let set = ContextSet::new(["tenant:acme".to_owned(), "app:a:b".to_owned()]);
        let given = GivenContext::of_session(&set, true);
        assert_eq!(given.set(), set);
        assert!(given.verified && given.payload.is_none());
    }
}
