//! What the sources say about each setting, ready to be read.

use std::io;
use std::path::Path;

use super::Config;
use super::error::ConfigError;
use super::parse::Parsed;
use super::print::Shown;
use super::settings::{Fallback, Kind, SETTINGS, Secrecy, Setting, for_provider, setting};
use super::source::{Found, Origin, Sources};

/// How much of a wrong value an error repeats.
const SHOWN_LENGTH: usize = 80;

pub(super) struct Values {
    found: Vec<(&'static Setting, Option<Found>)>,
    per_provider: Vec<(&'static Setting, String, Found)>,
}

impl Values {
    /// Asks the sources about every row of the table.
    pub(super) fn find<R: Fn(&Path) -> io::Result<String>>(sources: &Sources<'_, R>) -> Result<Self, ConfigError> {
        let mut values = Self {
            found: Vec::new(),
            per_provider: Vec::new(),
        };
        for setting in SETTINGS {
            match setting.kind {
                Kind::Foreign => {}
                Kind::PerProvider => {
                    let found = sources.find_per_provider(setting)?;
                    values
                        .per_provider
                        .extend(found.into_iter().map(|(id, found)| (setting, id, found)));
                }
                Kind::One | Kind::List => values.found.push((setting, sources.find(setting)?)),
            }
        }
        Ok(values)
    }

    /// The value of a setting that may be absent.
    pub(super) fn optional<T>(&self, key: &str, read: impl Fn(&str) -> Parsed<T>) -> Result<Option<T>, ConfigError> {
        let setting = setting(key);
        self.get(key).map(|found| parsed(setting, found, &read)).transpose()
    }

    /// The value of a setting that has a default.
    pub(super) fn value<T>(&self, key: &str, read: impl Fn(&str) -> Parsed<T>) -> Result<T, ConfigError> {
        Ok(self
            .optional(key, read)?
            .expect("a setting that is read like this has a default in the table"))
    }

    /// The values of a setting by provider.
    pub(super) fn by_provider<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Parsed<T>,
    ) -> Result<Vec<(&str, T)>, ConfigError> {
        let rows = self.per_provider.iter().filter(|(setting, ..)| setting.key == key);
        rows.map(|(setting, id, found)| Ok((id.as_str(), parsed(setting, found, &read)?)))
            .collect()
    }

    /// Refuses any value but the default, because the setting's feature comes later; written otherwise, the default is
    /// still the default.
    pub(super) fn later<T: PartialEq>(&self, key: &str, read: impl Fn(&str) -> Parsed<T>) -> Result<(), ConfigError> {
        let setting = setting(key);
        let (Some(later), Some(found)) = (setting.later, self.get(key)) else {
            return Ok(());
        };
        let Fallback::Value(default) = setting.fallback else {
            return Err(ConfigError::comes_later(&found.origin, later, None));
        };
        if Ok(parsed(setting, found, &read)?) == read(default) {
            return Ok(());
        }
        Err(ConfigError::comes_later(&found.origin, later, Some(default)))
    }

    /// Who gave a value; the variable to set when nobody did.
    pub(super) fn named(&self, key: &str) -> String {
        match self.get(key) {
            Some(Found { origin, .. }) if *origin != Origin::Default => origin.to_string(),
            _ => setting(key).variables[0].to_owned(),
        }
    }

    /// The table for `--print-config`, with defaults that follow from other settings.
    pub(super) fn shown(&self, config: &Config) -> Vec<Shown> {
        let mut shown = Vec::new();
        for (setting, found) in &self.found {
            let mut line = Shown::new(setting, setting.key, found.as_ref());
            match (setting.key, found) {
                ("database_url", None) => line.value = config.database.shown(),
                ("public_url", None) => line.value = config.public_url().map_or("(none)".to_owned(), Into::into),
                _ => {}
            }
            shown.push(line);
        }
        for (setting, id, found) in &self.per_provider {
            shown.push(Shown::new(setting, &for_provider(setting.key, id), Some(found)));
        }
        shown
    }

    fn get(&self, key: &str) -> Option<&Found> {
        self.found
            .iter()
            .find(|(setting, _)| setting.key == key)
            .and_then(|(_, found)| found.as_ref())
    }
}

fn parsed<T>(setting: &Setting, found: &Found, read: impl Fn(&str) -> Parsed<T>) -> Result<T, ConfigError> {
    let text = found.text.expose();
    read(text).map_err(|rule| {
        // Even an open URL may have been given a password, which then is what is wrong with it.
        let visible = setting.secrecy == Secrecy::Open && !text.contains('@');
        let shown: Option<String> = visible.then(|| text.chars().take(SHOWN_LENGTH).collect());
        ConfigError::unusable(&found.origin, shown.as_deref(), &rule, setting.example)
    })
}
