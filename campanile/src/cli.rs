//! The command line: which commands there are and what they take. What they do is elsewhere.
//!
//! Flags that stand for settings are kept as texts, so that one reader, the configuration's, judges them all.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Flags, Purpose, Secret};

/// A notification server that speaks Novu's API.
#[derive(Debug, Parser)]
#[command(
    name = "campanile",
    version,
    arg_required_else_help = true,
    after_help = "\
Example:
  campanile serve --dev      try it: nothing leaves this machine

Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `campanile` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    ///
    /// Starts on an embedded SQLite file without any configuration. Settings come from flags, environment variables and
    /// campanile.toml, in this order. SIGTERM stops it gracefully.
    #[command(after_help = "\
Examples:
  campanile serve --dev
  campanile serve --listen 0.0.0.0:3000 --public-url https://notify.example.com
  campanile serve --print-config")]
    Serve(ServeArgs),
    /// Bring the database up to date and leave
    ///
    /// `serve` does this by itself at its start; a deployment that starts it with --no-migrate runs this first.
    #[command(after_help = "\
Example:
  campanile migrate --dry-run --database-url sqlite:data/campanile.db")]
    Migrate(MigrateArgs),
    /// Exit 0 when the local server is ready, and 1 when not
    ///
    /// Asks /readyz of the server that the same settings describe, or of the one at --url.
    #[command(after_help = "\
Example:
  campanile healthcheck --url http://127.0.0.1:3000")]
    Healthcheck(HealthcheckArgs),
    /// Print the OpenAPI document
    #[command(after_help = "\
Example:
  campanile openapi > openapi.json")]
    Openapi,
    /// Print the documentation of all settings as Markdown
    #[command(
        hide = true,
        after_help = "\
Example:
  campanile settings > docs/configuration.md"
    )]
    Settings,
}

/// What `campanile serve` takes.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<Secret>,
    /// Directory of the SQLite file and of generated keys [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<Secret>,
    /// sqlite:<file> or postgres://… [default: a SQLite file in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<Secret>,
    /// URL under which browsers and providers reach the server
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<Secret>,
    /// Dev mode: messages go to a built-in outbox, and an example is set up
    #[arg(long)]
    pub(crate) dev: bool,
    /// Refuse a database that is not up to date instead of migrating it
    #[arg(long)]
    pub(crate) no_migrate: bool,
    /// Show all settings with their origins, secrets masked, and leave
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Configuration file [default: campanile.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl ServeArgs {
    /// The flags that stand for settings.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            ..Flags::none(Purpose::Serve)
        }
        .with("--listen", self.listen.clone())
        .with("--data-dir", self.data_dir.clone())
        .with("--database-url", self.database_url.clone())
        .with("--public-url", self.public_url.clone())
        .with_switch("--dev", self.dev)
        .with_switch("--no-migrate", self.no_migrate)
    }
}

/// What `campanile migrate` takes.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Print the SQL instead of running it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Directory of the SQLite file [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<Secret>,
    /// sqlite:<file> or postgres://… [default: a SQLite file in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<Secret>,
    /// Configuration file [default: campanile.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl MigrateArgs {
    /// The flags that stand for settings.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            ..Flags::none(Purpose::Tool)
        }
        .with("--data-dir", self.data_dir.clone())
        .with("--database-url", self.database_url.clone())
    }
}

/// What `campanile healthcheck` takes.
#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// URL of the server [default: the listener of the settings]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Configuration file [default: campanile.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl HealthcheckArgs {
    /// The flags that stand for settings.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            ..Flags::none(Purpose::Tool)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command};
    use crate::config::load;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_what_exists_is_offered() {
        let command = Cli::command();
        let shown: Vec<_> = command
            .get_subcommands()
            .filter(|c| !c.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(shown, ["serve", "migrate", "healthcheck", "openapi"]);
    }

    #[test]
    fn every_command_says_what_it_does_with_an_example() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let after = command.get_after_help().unwrap().to_string();
            assert!(after.contains(&format!("campanile {}", command.get_name())), "{after}");
        }
    }

    #[test]
    fn wrong_usage_exits_with_2_and_help_with_0() {
        for (line, code) in [
            (&["campanile"][..], 2),
            (&["campanile", "doctor"], 2),
            (&["campanile", "serve", "--port", "1"], 2),
            (&["campanile", "serve", "--listen"], 2),
            (&["campanile", "--help"], 0),
            (&["campanile", "--version"], 0),
        ] {
            assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), code, "{line:?}");
        }
    }

    #[test]
    fn every_flag_of_serve_reaches_its_setting() {
        let line = [
            "campanile",
            "serve",
            "--listen",
            "127.0.0.1:1",
            "--data-dir",
            "d",
            "--database-url",
            "sqlite:x.db",
            "--public-url",
            "https://n.example.com",
            "--dev",
            "--no-migrate",
            "--print-config",
        ];
        let Command::Serve(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("not serve")
        };
        assert!(args.print_config);
        let loaded = load(&args.flags(), [], |_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        let from_flags = loaded
            .origins
            .iter()
            .filter(|shown| shown.origin.to_string().starts_with("--"))
            .count();
        assert_eq!(from_flags, 6);
        assert!(loaded.config.dev && loaded.config.no_migrate);
    }

    #[test]
    fn a_password_in_a_flag_is_not_shown() {
        let line = ["campanile", "migrate", "--database-url", "postgres://u:hunter2@db/x"];
        assert!(!format!("{:?}", Cli::try_parse_from(line).unwrap()).contains("hunter2"));
    }
}
