//! Measures the release server on this machine, through its public HTTP API, beside what the machine allows.
//!
//! The generator, the fake Slack and the server share the machine, so every number is one that a user of
//! an equal machine can reach with room to spare.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program: the table goes to stdout, progress to stderr"
)]

mod child;
mod fake_slack;
mod http;
mod load;
mod machine;
mod measure;
mod options;
mod postgres;
mod random;
mod report;
mod server;
mod setup;

use std::process::ExitCode;

use fake_slack::FakeSlack;
use load::Markers;
use options::{Engine, Options};
use postgres::Found;
use report::Report;
use server::Database;

/// Every failure ends the run, so a sentence for the reader is all that an error needs to be.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    // One thread for the generator: it never waits for a lock, and leaves the other core to the server.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let outcome = runtime.block_on(async {
        // An interrupt drops the run, and with it every child process and temporary directory.
        tokio::select! {
            outcome = run(&options) => outcome,
            () = interrupted() => Err("interrupted".to_owned()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened for");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn run(options: &Options) -> Result<()> {
    let directory = machine::durable_directory(options.directory.as_deref())?;
    let facts = machine::Facts::read(&directory)?;

    progress("what the machine allows: empty handler, durable writes");
    let mut allowed = machine::measure(&directory, options.seconds).await?;
    let fake = FakeSlack::start()?;
    let markers = Markers::default();

    let mut sqlite = None;
    if options.wants(Engine::Sqlite) {
        sqlite = Some(
            measure::engine(options, "SQLite", &directory, &fake, &markers, &Database::Sqlite)
                .await
                .map_err(|e| format!("SQLite: {e}"))?,
        );
    }

    let mut postgres = None;
    let mut postgres_version = None;
    if options.wants(Engine::Postgres) {
        match postgres::find() {
            Found::Missing(why) => progress(&format!("PostgreSQL skipped: {why}")),
            Found::Binaries(binaries) => {
                progress("PostgreSQL: a cluster of its own, fsync on");
                let cluster = binaries.start(&directory)?;
                postgres_version = Some(cluster.version.clone());
                progress("PostgreSQL: what group commit reaches (pgbench)");
                allowed.postgres_commits = cluster.commit_rate(options.seconds)?;
                let database = Database::Postgres {
                    url: cluster.url.clone(),
                    dev_url: cluster.dev_url.clone(),
                    postmaster: cluster.pid(),
                };
                postgres = Some(
                    measure::engine(options, "PostgreSQL", &directory, &fake, &markers, &database)
                        .await
                        .map_err(|e| format!("PostgreSQL: {e}"))?,
                );
                cluster.stop()?;
            }
        }
    }

    let binary_bytes = std::fs::metadata(&options.binary)
        .map_err(|e| format!("the binary's size: {e}"))?
        .len();
    let report = Report {
        facts,
        allowed,
        sqlite,
        postgres,
        postgres_version,
        binary_bytes,
        options: options.clone(),
    };
    println!("{}", report.table());
    if let Some(path) = &options.write {
        report.write(path)?;
        progress(&format!("written to {}", path.display()));
    }
    // Speed is reported; a lost message is a defect, whatever the speed.
    report.losses()
}

/// Progress goes to stderr, so that stdout holds nothing but the table.
fn progress(line: &str) {
    eprintln!("bench: {line}");
}
