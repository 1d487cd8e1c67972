//! Commands that do one thing and leave: `migrate`, `openapi`.

use std::path::Path;

use campanile_store::Address;
use campanile_store::db::migrate as migrations;

use crate::cli::MigrateArgs;
use crate::config::{self, Config, DatabaseUrl, Flags, Loaded};
use crate::{Failure, keys, output};

/// Reads the configuration as every command does.
pub(crate) fn load(flags: &Flags) -> Result<Loaded, Failure> {
    let environment = config::environment(std::env::vars_os())?;
    Ok(config::load(flags, environment, |path: &Path| {
        std::fs::read_to_string(path)
    })?)
}

/// Where the database is.
pub(crate) fn address(config: &Config) -> Address {
    match &config.database {
        DatabaseUrl::Sqlite(path) => Address::Sqlite(path.clone()),
        DatabaseUrl::Postgres { url, direct_url } => Address::Postgres {
            url: url.expose().to_owned(),
            direct_url: direct_url.as_ref().map(|url| url.expose().to_owned()),
        },
    }
}

/// `campanile migrate`.
pub(crate) async fn migrate(args: MigrateArgs) -> Result<(), Failure> {
    let loaded = load(&args.flags())?;
    let address = address(&loaded.config);
    if let Address::Sqlite(path) = &address
        && !args.dry_run
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        keys::make_data_dir(folder)?;
    }
    let missing = migrations::migrate(&address, args.dry_run).await?;
    if args.dry_run {
        return output::text(&missing.join("\n"));
    }
    match missing.len() {
        0 => output::line("The database is up to date."),
        1 => output::line("The database was brought up to date by 1 migration."),
        count => output::line(&format!("The database was brought up to date by {count} migrations.")),
    }
}

/// `campanile openapi`.
pub(crate) fn openapi() -> String {
    serde_json::to_string_pretty(&campanile_api::openapi_document()).unwrap_or_default()
}
