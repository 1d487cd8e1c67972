//! What `serve --print-config` shows.

use super::Loaded;
use super::database::masked;
use super::settings::{Fallback, Secrecy, Setting};
use super::source::{Found, Origin};

/// One line of the table: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The key in the file.
    pub(crate) key: String,
    /// The value, masked where it must be.
    pub(crate) value: String,
    /// Who gave it.
    pub(crate) origin: Origin,
}

impl Shown {
    /// Whether somebody gave the value, as against a default.
    pub(crate) fn is_given(&self) -> bool {
        self.origin != Origin::Default
    }

    pub(super) fn new(setting: &Setting, key: &str, found: Option<&Found>) -> Self {
        let value = match (found, setting.fallback) {
            (Some(found), _) => match setting.secrecy {
                Secrecy::Open => found.text.expose().escape_debug().to_string(),
                Secrecy::Address => masked(found.text.expose()),
                Secrecy::Hidden => "***".to_owned(),
            },
            (None, Fallback::Absent(words) | Fallback::Value(words)) => format!("({})", words.replace('`', "")),
        };
        let origin = found.map_or(Origin::Default, |found| found.origin.clone());
        Self {
            key: key.to_owned(),
            value,
            origin,
        }
    }
}

/// The configuration as a table of key, value and origin, secrets masked.
pub(crate) fn print_config(loaded: &Loaded) -> String {
    let key_width = loaded
        .origins
        .iter()
        .map(|shown| shown.key.chars().count())
        .max()
        .unwrap_or(0);
    let value_width = loaded
        .origins
        .iter()
        .map(|shown| shown.value.chars().count())
        .max()
        .unwrap_or(0);
    let line = |shown: &Shown| {
        let Shown { key, value, origin } = shown;
        format!("{key:key_width$}  {value:value_width$}  {origin}\n")
    };
    loaded.origins.iter().map(line).collect()
}
