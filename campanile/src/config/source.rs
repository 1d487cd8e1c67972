//! Where values come from: flag, then environment variable, then file, then default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::file::File;
use super::flags::Flags;
use super::secret::Secret;
use super::settings::{Fallback, Setting, for_provider};
use super::variables;

/// Who gave a value, in the words of the person who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// The file that a `…_FILE` variable names.
    SecretFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A key of the configuration file.
    File {
        /// The configuration file.
        path: PathBuf,
        /// The dotted key.
        key: String,
    },
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(variable) => f.write_str(variable),
            Self::SecretFile { variable, path } => write!(f, "{variable} ({})", path.display()),
            Self::File { path, key } => write!(f, "`{key}` in {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and who gave it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) text: Secret,
    pub(super) origin: Origin,
}

/// Everything that values can come from.
pub(super) struct Sources<'a, R> {
    flags: &'a Flags,
    variables: BTreeMap<String, String>,
    file: Option<File>,
    read_file: R,
}

impl<'a, R: Fn(&Path) -> io::Result<String>> Sources<'a, R> {
    /// Reads environment and file, and refuses what is in them but in no row of the table.
    pub(super) fn open(
        flags: &'a Flags,
        environment: impl IntoIterator<Item = (String, String)>,
        read_file: R,
    ) -> Result<Self, ConfigError> {
        let variables = variables::ours(environment)?;
        let file = File::read(flags.config.as_deref(), &read_file)?;
        Ok(Self {
            flags,
            variables,
            file,
            read_file,
        })
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &Path) -> io::Result<String> {
        (self.read_file)(path)
    }

    /// The value of a setting; none when only words stand in for a default.
    pub(super) fn find(&self, setting: &Setting) -> Result<Option<Found>, ConfigError> {
        if let Some(flag) = setting.flag
            && let Some(text) = self.flags.get(flag)
        {
            return Ok(Some(Found {
                text: text.clone(),
                origin: Origin::Flag(flag),
            }));
        }
        for variable in setting.variables {
            if let Some(found) = self.variable(setting, variable)? {
                return Ok(Some(found));
            }
        }
        if let Some(found) = self.in_file(setting, setting.key)? {
            return Ok(Some(found));
        }
        Ok(match setting.fallback {
            Fallback::Value(text) => Some(Found {
                text: text.into(),
                origin: Origin::Default,
            }),
            Fallback::Absent(_) => None,
        })
    }

    /// The values of a setting that each provider can have.
    pub(super) fn find_per_provider(&self, setting: &'static Setting) -> Result<Vec<(String, Found)>, ConfigError> {
        let named = self
            .variables
            .keys()
            .filter_map(|name| variables::provider_of(name, setting));
        let mut ids: BTreeSet<String> = named.collect();
        ids.extend(
            self.file
                .iter()
                .flat_map(|file| file.providers(setting.key))
                .map(str::to_owned),
        );
        let mut found = Vec::new();
        for id in ids {
            let value = match self.variable(setting, &for_provider(setting.variables[0], &id))? {
                Some(value) => Some(value),
                None => self.in_file(setting, &for_provider(setting.key, &id))?,
            };
            found.extend(value.map(|value| (id, value)));
        }
        Ok(found)
    }

    fn variable(&self, setting: &Setting, variable: &str) -> Result<Option<Found>, ConfigError> {
        let text = self.variables.get(variable);
        let file_variable = format!("{variable}_FILE");
        let path = if setting.takes_file() {
            self.variables.get(&file_variable)
        } else {
            None
        };
        match (text, path) {
            (Some(_), Some(_)) => Err(ConfigError::both(variable, &file_variable)),
            (Some(text), None) => Ok(Some(Found {
                text: text.as_str().into(),
                origin: Origin::Variable(variable.to_owned()),
            })),
            (None, Some(path)) => {
                let origin = Origin::SecretFile {
                    variable: file_variable.clone(),
                    path: path.into(),
                };
                self.secret_file(&file_variable, Path::new(path), origin).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    fn in_file(&self, setting: &Setting, key: &str) -> Result<Option<Found>, ConfigError> {
        let Some(file) = &self.file else { return Ok(None) };
        let file_key = format!("{key}_file");
        let path = if setting.takes_file() {
            file.get(&file_key)
        } else {
            None
        };
        match (file.get(key), path) {
            (Some(_), Some(_)) => Err(ConfigError::both(
                &file.origin(key).to_string(),
                &file.origin(&file_key).to_string(),
            )),
            (Some(text), None) => Ok(Some(Found {
                text: text.into(),
                origin: file.origin(key),
            })),
            (None, Some(path)) => {
                let origin = file.origin(&file_key);
                self.secret_file(&origin.to_string(), Path::new(path), origin).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// The text of a secret's file, without the line end that editors and `echo` leave.
    fn secret_file(&self, named_by: &str, path: &Path, origin: Origin) -> Result<Found, ConfigError> {
        let text = self
            .read(path)
            .map_err(|error| ConfigError::unreadable(named_by, path, &error))?;
        let text = Secret::from(text);
        let trimmed = text.expose().trim_end_matches(['\r', '\n']);
        Ok(Found {
            text: trimmed.into(),
            origin,
        })
    }
}
