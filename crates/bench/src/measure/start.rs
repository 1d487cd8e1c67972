//! How soon the server is ready, and what it holds while nobody asks for anything.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::fake_slack::FakeSlack;
use crate::options::Options;
use crate::server::{Database, Server};

/// Long enough for whatever a start leaves for later.
const QUIET: Duration = Duration::from_secs(5);

pub(crate) struct Start {
    pub(crate) ready: Duration,
    pub(crate) idle_mb: f64,
}

pub(crate) async fn run(
    options: &Options,
    directory: &Path,
    fake: &FakeSlack,
    database: &Database,
) -> Result<(Server, Start)> {
    let (server, ready) = Server::start(options, directory, fake, database)?;
    tokio::time::sleep(QUIET).await;
    let idle_mb = server.memory()?.resident_mb;
    Ok((server, Start { ready, idle_mb }))
}
