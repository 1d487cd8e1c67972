//! The configuration: read once at the start, from the table in [`settings`], and passed on as plain values.
//!
//! Precedence is flag, environment variable, `campanile.toml`, default. Whatever cannot be used stops the start with a
//! sentence that names it, so that a typing error is never a silent default.

mod build;
mod cidr;
mod database;
mod document;
mod error;
mod file;
mod flags;
mod master_key;
mod nearest;
mod parse;
mod print;
mod providers;
mod secret;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod values;
mod variables;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

pub(crate) use cidr::Cidr;
pub(crate) use database::DatabaseUrl;
pub(crate) use document::markdown;
pub(crate) use error::ConfigError;
pub(crate) use flags::{Flags, Purpose};
pub(crate) use master_key::MasterKey;
pub(crate) use print::{Shown, print_config};
pub(crate) use providers::Providers;
pub(crate) use secret::Secret;
pub(crate) use variables::environment;

use source::Sources;
use values::Values;

/// What API-key callers see of a connection's `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionTokens {
    /// In full when one connection is read or written, masked in lists.
    Single,
    /// Always in full.
    Full,
    /// Always masked.
    Masked,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// Keys and identifiers that the first start uses instead of making its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bootstrap {
    /// The API key of Development.
    pub(crate) secret_key: Option<Secret>,
    /// The application identifier of Development.
    pub(crate) application_identifier: Option<String>,
    /// The API key of Production.
    pub(crate) production_secret_key: Option<Secret>,
    /// The application identifier of Production.
    pub(crate) production_application_identifier: Option<String>,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The address of API, socket and dashboard.
    pub(crate) listen: SocketAddr,
    /// The directory of the SQLite file and of generated keys.
    pub(crate) data_dir: PathBuf,
    /// The database.
    pub(crate) database: DatabaseUrl,
    /// The public URL as it was set; [`Config::public_url`] knows the default. Its path ends with a slash.
    pub(crate) public_url: Option<Url>,
    /// Whose `X-Forwarded-*` counts.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// The master keys: the first seals, all open. Empty means: generated in the data directory.
    pub(crate) encryption_keys: Vec<MasterKey>,
    /// Values for the first start.
    pub(crate) bootstrap: Bootstrap,
    /// Other hosts for providers, by provider id.
    pub(crate) providers: Providers,
    /// Whether customer-supplied URLs may reach private addresses.
    pub(crate) allow_private_networks: bool,
    /// The private names (in small letters) and networks (as `address/prefix`) that they may reach.
    pub(crate) allowed_private_hosts: Vec<String>,
    /// The proxy for outgoing calls: an http or https URL, perhaps with a password.
    pub(crate) outbound_proxy: Option<Secret>,
    /// A PEM file of further certificate authorities for outgoing calls.
    pub(crate) ca_file: Option<PathBuf>,
    /// Dev mode.
    pub(crate) dev: bool,
    /// Whether the API limits the rate of calls.
    pub(crate) rate_limit: bool,
    /// What callers see of tokens.
    pub(crate) connection_tokens: ConnectionTokens,
    /// What signs sessions; none means a key of the root key's.
    pub(crate) jwt_secret: Option<Secret>,
    /// How long an inbox session lives.
    pub(crate) inbox_session_ttl: Duration,
    /// The address for Prometheus; none means the main port.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// What is logged: a filter that `tracing-subscriber` reads.
    pub(crate) log: String,
    /// The form of the log.
    pub(crate) log_format: LogFormat,
    /// Whether a database that is not up to date is refused instead of migrated.
    pub(crate) no_migrate: bool,
}

impl Config {
    /// The public URL: as set, or the listener's own on loopback, where whoever can reach it is on this machine.
    pub(crate) fn public_url(&self) -> Option<Url> {
        self.public_url_at(self.listen)
    }

    /// The same for a listener whose port the system has chosen.
    pub(crate) fn public_url_at(&self, bound: SocketAddr) -> Option<Url> {
        self.public_url.clone().or_else(|| {
            let url = || Url::parse(&format!("http://{bound}/")).ok();
            if bound.ip().to_canonical().is_loopback() {
                url()
            } else {
                None
            }
        })
    }

    /// The URL under which the same machine reaches the listener, for `healthcheck`.
    pub(crate) fn local_url(&self) -> String {
        format!("http://{}", parse::reachable(self.listen))
    }
}

/// A configuration and who gave what.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The values.
    pub(crate) config: Config,
    /// One line for each setting, for [`print_config`].
    pub(crate) origins: Vec<Shown>,
}

/// Loads the configuration.
///
/// The environment and the reader of files are parameters, so that tests bring their own; the binary passes
/// [`environment`] of `std::env::vars_os()` and `std::fs::read_to_string`.
pub(crate) fn load(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
    read_file: impl Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, ConfigError> {
    let sources = Sources::open(flags, environment, read_file)?;
    let values = Values::find(&sources)?;
    let config = build::config(&values)?;
    if flags.purpose == Purpose::Serve {
        build::check_together(&config, &values)?;
        if let Some(path) = &config.ca_file {
            build::check_ca_file(&values, path, sources.read(path))?;
        }
    }
    let origins = values.shown(&config);
    Ok(Loaded { config, origins })
}
