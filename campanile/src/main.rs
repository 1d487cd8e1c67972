//! The `campanile` command: reads the configuration, wires the parts, runs them.

mod check;
mod cli;
mod config;
mod example;
mod first_start;
mod keys;
mod logging;
mod output;
mod serve;
mod tools;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One TLS provider for everything that speaks TLS; installing it twice is the only way to fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(16)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&Failure::new(format!("The runtime cannot start: {error}"))),
    };
    let result = match cli.command {
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Migrate(args) => runtime.block_on(tools::migrate(args)),
        Command::Healthcheck(args) => runtime.block_on(check::healthcheck(args)),
        Command::Openapi => output::line(&tools::openapi()),
        Command::Settings => output::text(&config::markdown()),
    };
    // Nothing that still runs may hold the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output::failed(&failure),
    }
}

/// Why a command failed: one sentence that says what to do, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 1,
        }
    }
}

impl From<config::ConfigError> for Failure {
    fn from(error: config::ConfigError) -> Self {
        Self {
            sentence: error.to_string(),
            code: error.exit_code(),
        }
    }
}

impl From<campanile_store::StoreError> for Failure {
    fn from(error: campanile_store::StoreError) -> Self {
        Self::new(error.to_string())
    }
}
