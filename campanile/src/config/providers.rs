//! Other hosts for providers.

use std::collections::BTreeMap;

use url::Url;

use super::Loaded;
use super::error::ConfigError;
use super::nearest::nearest;

/// Where one provider is reached instead of its own hosts. Only scheme, host and port count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProviderUrls {
    /// The provider's API.
    pub(crate) base: Option<Url>,
    /// Microsoft's sign-in, for Teams.
    pub(crate) login: Option<Url>,
    /// Microsoft Graph, for Teams.
    pub(crate) graph: Option<Url>,
    /// The Bot Framework, for Teams.
    pub(crate) bot: Option<Url>,
}

/// By provider id, as the API writes it.
pub(crate) type Providers = BTreeMap<String, ProviderUrls>;

/// The id as the API writes it: no id of the catalogue has a capital or an underscore.
pub(super) fn normal_id(id: &str) -> String {
    id.to_ascii_lowercase().replace('_', "-")
}

impl Loaded {
    /// Refuses a provider that the catalogue does not have, because its address would be ignored in silence. The ids come
    /// from the caller: the configuration knows no catalogue.
    pub(crate) fn check_providers(&self, known: &[&str]) -> Result<(), ConfigError> {
        let Some(id) = self.config.providers.keys().find(|id| !known.contains(&id.as_str())) else {
            return Ok(());
        };
        let prefix = format!("providers.{id}.");
        let line = self
            .origins
            .iter()
            .find(|shown| shown.key.starts_with(&prefix) && shown.is_given());
        let source = line.map_or_else(|| prefix.clone(), |shown| shown.origin.to_string());
        let nearest = nearest(id, known.iter().map(|&id| id.to_owned()));
        Err(ConfigError::unknown_provider(&source, id, nearest.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Flags, Purpose, load};

    #[test]
    fn a_provider_that_nobody_knows_is_refused() {
        for (id, message) in [
            ("SLACK", None),
            ("AFRICAS_TALKING", None),
            (
                "SLAK",
                Some(
                    "CAMPANILE_PROVIDERS__SLAK__BASE_URL names the provider slak, which is unknown; did you mean slack?",
                ),
            ),
            (
                "TEAPOT",
                Some("CAMPANILE_PROVIDERS__TEAPOT__BASE_URL names the provider teapot, which is unknown; remove it"),
            ),
        ] {
            let variable = (
                format!("CAMPANILE_PROVIDERS__{id}__BASE_URL"),
                "http://127.0.0.1:1".to_owned(),
            );
            let none = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            let loaded = load(&Flags::none(Purpose::Serve), [variable], none).unwrap();
            let refused = loaded.check_providers(&["slack", "africas-talking", "msteams"]).err();
            assert_eq!(refused.map(|error| error.to_string()).as_deref(), message);
        }
    }
}
