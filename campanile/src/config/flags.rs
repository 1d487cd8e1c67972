//! What the command line says about settings.

use std::path::PathBuf;

use super::secret::Secret;

/// What the configuration is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To run the server: settings must also fit together.
    Serve,
    /// To work on the database or ask a running server, which needs neither a listener nor keys.
    Tool,
}

/// The flags of one command that stand for settings.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// What the configuration is for.
    pub(crate) purpose: Purpose,
    /// The configuration file named by `--config`; it must exist, unlike the default one.
    pub(crate) config: Option<PathBuf>,
    /// Flag and value, such as `--listen`; kept secret, because a database address may carry a password.
    pub(crate) values: Vec<(&'static str, Secret)>,
}

impl Flags {
    /// No flags at all.
    pub(crate) fn none(purpose: Purpose) -> Self {
        Self {
            purpose,
            config: None,
            values: Vec::new(),
        }
    }

    /// Adds the flag when it was given.
    #[must_use]
    pub(crate) fn with(mut self, flag: &'static str, value: Option<Secret>) -> Self {
        self.values.extend(value.map(|value| (flag, value)));
        self
    }

    /// Adds a switch when it was given.
    #[must_use]
    pub(crate) fn with_switch(self, flag: &'static str, given: bool) -> Self {
        self.with(flag, given.then(|| Secret::from("true")))
    }

    pub(super) fn get(&self, flag: &str) -> Option<&Secret> {
        self.values
            .iter()
            .find(|(name, _)| *name == flag)
            .map(|(_, value)| value)
    }
}
