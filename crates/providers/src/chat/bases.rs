//! Other hosts for vendors: an emulator, a government cloud, a proxy (`CAMPANILE_PROVIDERS__<ID>__BASE_URL`).

use std::{collections::HashMap, fmt};

use url::Url;

use crate::redact;

/// The operator's base URL of each provider that has one.
#[derive(Clone, Default)]
pub struct BaseUrls(HashMap<String, Url>);

impl fmt::Debug for BaseUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(id, base)| (id, redact::url(base))))
            .finish()
    }
}

/// A base URL that cannot stand in for a vendor's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the base URL of provider `{provider_id}` must be an http or https address with a host, such as http://127.0.0.1:4100"
)]
pub struct InvalidBaseUrl {
    provider_id: String,
}

impl BaseUrls {
    /// Sets a provider's base. Only scheme, host and port count; the vendor's path stays.
    pub fn set(&mut self, provider_id: impl Into<String>, base: Url) -> Result<(), InvalidBaseUrl> {
        let provider_id = provider_id.into();
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(InvalidBaseUrl { provider_id });
        }
        self.0.insert(provider_id, base);
        Ok(())
    }

    /// A provider's base.
    pub fn get(&self, provider_id: &str) -> Option<&Url> {
        self.0.get(provider_id)
    }

    /// `url` of the vendor, on the operator's base if there is one. `id` is a provider id, or a part of one such as
    /// `msteams/graph`.
    pub fn of_vendor(&self, id: &str, url: &Url) -> Url {
        self.replace(id, url).unwrap_or_else(|| url.clone())
    }

    /// `url` on the provider's base, if it has one.
    pub fn replace(&self, provider_id: &str, url: &Url) -> Option<Url> {
        let base = self.get(provider_id)?;
        let mut moved = base.clone();
        moved.set_path(url.path());
        moved.set_query(url.query());
        moved.set_fragment(None);
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_replaced() {
        let mut bases = BaseUrls::default();
        bases
            .set("slack", "http://127.0.0.1:4100/ignored?x=1".parse().unwrap())
            .unwrap();
        let moved = |url: &str| bases.replace("slack", &url.parse().unwrap()).unwrap().to_string();
        assert_eq!(
            moved("https://slack.com/api/chat.postMessage"),
            "http://127.0.0.1:4100/api/chat.postMessage"
        );
        assert_eq!(
            moved("https://hooks.slack.com/services/T/B/x?y=%20z"),
            "http://127.0.0.1:4100/services/T/B/x?y=%20z"
        );
        assert!(
            bases
                .replace("discord", &"https://discord.com/".parse().unwrap())
                .is_none()
        );
        assert!(bases.set("slack", "ftp://x".parse().unwrap()).is_err());
        assert!(bases.set("slack", "data:x".parse().unwrap()).is_err());
    }
}
