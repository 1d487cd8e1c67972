//! `campanile.toml`, flattened to the keys of the table.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::error::ConfigError;
use super::nearest::nearest;
use super::settings::{Fallback, Kind, SETTINGS, Secrecy, Setting};
use super::source::Origin;

/// The configuration file's values, by dotted key.
pub(super) struct File {
    pub(super) path: PathBuf,
    values: BTreeMap<String, String>,
}

impl File {
    /// Reads the named file, or `campanile.toml` in the current directory when it exists.
    pub(super) fn read(
        named: Option<&Path>,
        read_file: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let path = named.unwrap_or(Path::new("campanile.toml"));
        let text = match read_file(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let by = if named.is_some() {
                    "--config"
                } else {
                    "the default configuration"
                };
                return Err(ConfigError::unreadable(by, path, &error));
            }
        };
        let table: Table = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            ConfigError::not_toml(path, line)
        })?;
        let mut file = Self {
            path: path.to_owned(),
            values: BTreeMap::new(),
        };
        file.add("", table)?;
        Ok(Some(file))
    }

    /// The value under a dotted key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Where a value of this file comes from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        Origin::File {
            path: self.path.clone(),
            key: key.to_owned(),
        }
    }

    /// The ids of the providers that have a value under this pattern.
    pub(super) fn providers(&self, pattern: &'static str) -> impl Iterator<Item = &str> {
        self.values.keys().filter_map(move |key| provider_of(key, pattern))
    }

    fn add(&mut self, prefix: &str, table: Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            if let Value::Table(inner) = value {
                let prefix = format!("{key}.");
                if !inner.is_empty() && !known_keys().any(|known| shares_prefix(&known, &prefix)) {
                    return Err(self.unknown(&key));
                }
                self.add(&prefix, inner)?;
                continue;
            }
            // Ids are written as the API writes them; `_` is taken too, because the variables have it.
            let key = if key.starts_with("providers.") {
                provider_key(&key)
            } else {
                key
            };
            let Some(setting) = setting_of(&key) else {
                return Err(self.unknown(&key));
            };
            let Some(text) = text_of(&value, setting.kind) else {
                let rule = if setting.kind == Kind::List {
                    "a text or an array of texts"
                } else {
                    "a single value"
                };
                return Err(ConfigError::unusable(
                    &self.origin(&key),
                    None,
                    rule,
                    &toml_example(setting),
                ));
            };
            if self.values.insert(key.clone(), text).is_some() {
                let twice = self.origin(&key).to_string();
                return Err(ConfigError::both(&twice, "the same key in another spelling"));
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &str) -> ConfigError {
        let nearest = nearest(
            key,
            known_keys().map(|known| known.replace("<id>", key.split('.').nth(1).unwrap_or("<id>"))),
        );
        ConfigError::unknown(
            &self.origin(key).to_string(),
            nearest.map(|key| format!("`{key}`")).as_deref(),
        )
    }
}

/// Every key that a file may hold.
fn known_keys() -> impl Iterator<Item = String> {
    let settings = SETTINGS.iter().filter(|setting| setting.kind != Kind::Foreign);
    settings.flat_map(|setting| {
        std::iter::once(setting.key.to_owned()).chain(setting.takes_file().then(|| format!("{}_file", setting.key)))
    })
}

fn setting_of(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| match setting.kind {
        Kind::Foreign => false,
        Kind::PerProvider => provider_of(key, setting.key).is_some(),
        Kind::One | Kind::List => {
            key == setting.key || (setting.takes_file() && key.strip_suffix("_file") == Some(setting.key))
        }
    })
}

fn provider_of<'a>(key: &'a str, pattern: &'static str) -> Option<&'a str> {
    let (before, after) = pattern.split_once("<id>")?;
    let id = key.strip_prefix(before)?.strip_suffix(after)?;
    (!id.is_empty() && !id.contains('.')).then_some(id)
}

fn provider_key(key: &str) -> String {
    let mut parts: Vec<String> = key.split('.').map(str::to_owned).collect();
    if let Some(id) = parts.get_mut(1) {
        *id = super::providers::normal_id(id);
    }
    parts.join(".")
}

/// Whether a table of this prefix can hold the known key.
fn shares_prefix(known: &str, prefix: &str) -> bool {
    let mut known = known.split('.');
    prefix
        .trim_end_matches('.')
        .split('.')
        .all(|part| known.next().is_some_and(|name| name == part || name == "<id>"))
}

/// The value as text, so that one reader serves file, variable and flag; a list may be an array.
fn text_of(value: &Value, kind: Kind) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Array(items) if kind == Kind::List => {
            let items: Option<Vec<String>> = items.iter().map(|item| text_of(item, Kind::One)).collect();
            items.map(|items| items.join(","))
        }
        Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    }
}

/// The setting's line in a file.
pub(super) fn toml_example(setting: &Setting) -> String {
    let name = setting.key.rsplit('.').next().unwrap_or_default();
    match setting.fallback {
        _ if setting.secrecy == Secrecy::Hidden => format!("{name}_file = \"/run/secrets/{name}\""),
        Fallback::Value("true" | "false") => format!("{name} = {}", setting.example),
        _ if setting.kind == Kind::List => {
            let items: Vec<String> = setting.example.split(',').map(|item| format!("\"{item}\"")).collect();
            format!("{name} = [{}]", items.join(", "))
        }
        _ => format!("{name} = \"{}\"", setting.example),
    }
}
