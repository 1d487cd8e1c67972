//! Who calls: API keys, found by keyed hash and remembered for a short while.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use campanile_model::{Actor, Ctx, Error, Result};
use campanile_store::Store;
use campanile_store::api_keys::ApiKey;

/// How long a key is trusted without a look at the database, should a notice of a change get lost.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Longer keys are not looked up.
const LONGEST: usize = 512;

/// The keys seen lately. They are remembered by their hash under the number of configuration changes: a change makes
/// all of them unknown.
pub(crate) struct Keys {
    cache: moka::sync::Cache<(u64, String), Arc<ApiKey>>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            cache: moka::sync::Cache::builder()
                .max_capacity(1024)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }

    /// The context of a call with these headers.
    pub(crate) async fn authenticate(&self, store: &Store, headers: &HeaderMap, request_id: &str) -> Result<Ctx> {
        let header = headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| Error::unauthenticated("Missing authorization header"))?;
        let header = header
            .to_str()
            .map_err(|_| Error::unauthenticated("API Key not found"))?;
        let (scheme, secret) = header.split_once(' ').unwrap_or((header, ""));
        if scheme != "ApiKey" {
            // Only a word before something else is a scheme; a key that was sent without one is never repeated.
            let is_word = !secret.is_empty() && scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_alphabetic());
            let shown = if is_word { scheme } else { "unknown" };
            return Err(Error::unauthenticated(format!(
                "Invalid authentication scheme: \"{shown}\""
            )));
        }
        let secret = secret.trim();
        let key = if secret.is_empty() || secret.len() > LONGEST {
            None
        } else {
            self.find(store, secret).await?
        };
        let key = key.filter(|key| !key.is_expired(store.now()));
        let key = key.ok_or_else(|| Error::unauthenticated("API Key not found"))?;
        Ok(Ctx {
            organization: key.organization_id,
            environment: key.environment_id,
            actor: Actor::ApiKey(key.id),
            permissions: key.permissions(),
            request_id: request_id.to_owned(),
        })
    }

    async fn find(&self, store: &Store, secret: &str) -> Result<Option<Arc<ApiKey>>> {
        let known = (store.db().signals().configuration(), store.api_key_hash(secret));
        if let Some(key) = self.cache.get(&known) {
            return Ok(Some(key));
        }
        let Some(key) = store.api_key(secret).await? else {
            return Ok(None);
        };
        let key = Arc::new(key);
        self.cache.insert(known, Arc::clone(&key));
        Ok(Some(key))
    }
}
