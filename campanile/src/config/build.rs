//! From the table's texts to the values of [`Config`], and the rules between them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::database;
use super::error::ConfigError;
use super::parse;
use super::settings::setting;
use super::values::Values;
use super::{Bootstrap, Config, DatabaseUrl, MasterKey, Providers};

/// Reads every setting.
pub(super) fn config(values: &Values) -> Result<Config, ConfigError> {
    values.later("roles", parse::roles)?;
    for key in [
        "retention_events",
        "retention_messages",
        "retention_traces",
        "retention_inbox",
    ] {
        values.later(key, parse::duration)?;
    }
    let data_dir = values.value("data_dir", parse::path)?;
    Ok(Config {
        listen: values.value("listen", parse::listener)?,
        database: database_url(values, &data_dir)?,
        data_dir,
        public_url: values.optional("public_url", parse::public_url)?,
        trusted_proxies: values.optional("trusted_proxies", parse::networks)?.unwrap_or_default(),
        encryption_keys: values
            .optional("encryption_key", MasterKey::parse_all)?
            .unwrap_or_default(),
        bootstrap: bootstrap(values)?,
        providers: providers(values)?,
        allow_private_networks: values.value("allow_private_networks", parse::switch)?,
        allowed_private_hosts: values
            .optional("allowed_private_hosts", parse::hosts)?
            .unwrap_or_default(),
        outbound_proxy: values.optional("outbound_proxy", parse::proxy)?,
        ca_file: values.optional("ca_file", parse::path)?,
        dev: values.value("dev", parse::switch)?,
        rate_limit: values.value("rate_limit", parse::switch)?,
        connection_tokens: values.value("connection_tokens", parse::connection_tokens)?,
        jwt_secret: values.optional("jwt_secret", parse::signing_secret)?,
        inbox_session_ttl: values.value("inbox_session_ttl", parse::session_ttl)?,
        metrics_listen: values.value("metrics_listen", parse::listener_or_off)?,
        log: values.value("log", parse::log_filter)?,
        log_format: values.value("log_format", parse::log_format)?,
        no_migrate: values.value("no_migrate", parse::switch)?,
    })
}

fn database_url(values: &Values, data_dir: &Path) -> Result<DatabaseUrl, ConfigError> {
    let direct = values.optional("database_direct_url", database::postgres)?;
    match (values.optional("database_url", DatabaseUrl::parse)?, direct) {
        (Some(DatabaseUrl::Postgres { url, .. }), direct_url) => Ok(DatabaseUrl::Postgres { url, direct_url }),
        (_, Some(_)) => Err(ConfigError::conflict(format!(
            "{} is for PostgreSQL, but the database is SQLite; remove it, or set {} to a postgres:// address",
            values.named("database_direct_url"),
            values.named("database_url"),
        ))),
        (Some(sqlite), None) => Ok(sqlite),
        (None, None) => Ok(DatabaseUrl::Sqlite(data_dir.join("campanile.db"))),
    }
}

fn bootstrap(values: &Values) -> Result<Bootstrap, ConfigError> {
    let text = |key| {
        Ok(values
            .optional(key, parse::credential)?
            .map(|secret| secret.expose().to_owned()))
    };
    Ok(Bootstrap {
        secret_key: values.optional("bootstrap_secret_key", parse::credential)?,
        application_identifier: text("bootstrap_application_identifier")?,
        production_secret_key: values.optional("bootstrap_production_secret_key", parse::credential)?,
        production_application_identifier: text("bootstrap_production_application_identifier")?,
    })
}

fn providers(values: &Values) -> Result<Providers, ConfigError> {
    let mut providers = Providers::new();
    for (id, url) in values.by_provider("providers.<id>.base_url", parse::base_url)? {
        providers.entry(id.to_owned()).or_default().base = Some(url);
    }
    let teams = |name: &str| values.optional(&format!("providers.msteams.{name}"), parse::base_url);
    let (login, graph, bot) = (teams("login_url")?, teams("graph_url")?, teams("bot_url")?);
    if login.is_some() || graph.is_some() || bot.is_some() {
        let urls = providers.entry("msteams".to_owned()).or_default();
        (urls.login, urls.graph, urls.bot) = (login, graph, bot);
    }
    Ok(providers)
}

/// The rules between settings that only a running server has.
pub(super) fn check_together(config: &Config, values: &Values) -> Result<(), ConfigError> {
    let named = |key| values.named(key);
    if config.dev {
        let listeners = [
            ("listen", Some(config.listen)),
            ("metrics_listen", config.metrics_listen),
        ];
        if let Some((key, Some(listener))) = listeners.into_iter().find(|(_, at)| at.is_some_and(is_exposed)) {
            return refuse(format!(
                "dev mode ({}) works only on loopback, but {} is {listener}; use 127.0.0.1:{}, or leave dev mode",
                named("dev"),
                named(key),
                listener.port(),
            ));
        }
    }
    if matches!(config.database, DatabaseUrl::Postgres { .. }) && config.encryption_keys.is_empty() {
        return refuse(format!(
            "{} names PostgreSQL, which needs {}; set it on every node to the same key, made by `openssl rand -base64 32`",
            named("database_url"),
            named("encryption_key"),
        ));
    }
    if config.metrics_listen == Some(config.listen) && config.listen.port() != 0 {
        return refuse(format!(
            "{} and {} are the same address; give the metrics a port of their own",
            named("metrics_listen"),
            named("listen"),
        ));
    }
    if config.allow_private_networks && !config.allowed_private_hosts.is_empty() {
        return refuse(format!(
            "{} allows all private addresses, so {} would mean nothing; remove one of them",
            named("allow_private_networks"),
            named("allowed_private_hosts"),
        ));
    }
    check_bootstrap(&config.bootstrap, values)
}

/// Two environments with one key could not be told apart.
fn check_bootstrap(bootstrap: &Bootstrap, values: &Values) -> Result<(), ConfigError> {
    let keys = bootstrap
        .secret_key
        .as_ref()
        .zip(bootstrap.production_secret_key.as_ref());
    let identifiers = bootstrap
        .application_identifier
        .as_ref()
        .zip(bootstrap.production_application_identifier.as_ref());
    let pairs = [
        (keys.is_some_and(|(a, b)| a.expose() == b.expose()), "secret_key"),
        (identifiers.is_some_and(|(a, b)| a == b), "application_identifier"),
    ];
    match pairs.into_iter().find(|(equal, _)| *equal) {
        Some((_, key)) => refuse(format!(
            "{} and {} are equal, but each environment needs its own; change one of them",
            values.named(&format!("bootstrap_{key}")),
            values.named(&format!("bootstrap_production_{key}")),
        )),
        None => Ok(()),
    }
}

/// The certificates must be there at the start, not only at the first call.
pub(super) fn check_ca_file(values: &Values, path: &Path, read: io::Result<String>) -> Result<(), ConfigError> {
    let named = values.named("ca_file");
    let text = read.map_err(|error| ConfigError::unreadable(&named, path, &error))?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(());
    }
    let example = setting("ca_file").example;
    refuse(format!(
        "{named} is \"{}\", but must be a PEM file with certificates, for example {example}",
        path.display()
    ))
}

fn is_exposed(listener: SocketAddr) -> bool {
    !listener.ip().to_canonical().is_loopback()
}

fn refuse(sentence: String) -> Result<(), ConfigError> {
    Err(ConfigError::conflict(sentence))
}
