//! The keeper: what has to be done for connections without anybody asking, in loops beside the engine's worker.
//!
//! Nodes share the loops by duties: one node at a time has each, and another one takes over when its lease ends.

use std::time::Duration;

use campanile_model::Result;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Connect, health, rotation};

/// How long a duty belongs to a node that does not renew it.
const DUTY: Duration = Duration::from_mins(1);
/// After a failure, and where another node has the duty, a loop looks again after this.
const LATER: Duration = Duration::from_secs(5);

/// Runs the loops of connections until it is stopped.
#[derive(Clone)]
pub struct Keeper {
    connect: Connect,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Keeper {
    /// A keeper of these connections.
    pub fn new(connect: Connect) -> Self {
        Self {
            connect,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Starts the loops. A new loop is a line here.
    pub fn start(&self) {
        self.duty("rotation", rotation::sweep_round);
        self.duty("revocation", rotation::revoke_round);
        self.duty("probes", health::probe_round);
        self.duty("health", health::sweep_round);
    }

    /// Begins no further round, and waits for those under way as long as this.
    pub async fn stop(&self, patience: Duration) {
        self.stop.cancel();
        self.tracker.close();
        let ended = async {
            self.tracker.wait().await;
            self.connect.inner.rotation.settle().await;
        };
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// Runs `round` again and again on the one node that has the duty of this name. A round does a bounded piece of work
    /// and says how long to rest before the next one; it should be done within a minute, or another node may begin
    /// beside it.
    fn duty<F>(&self, name: &'static str, round: impl Fn(Connect) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Duration>> + Send,
    {
        let keeper = self.clone();
        self.tracker.spawn(async move {
            while !keeper.stop.is_cancelled() {
                let rest = match keeper.turn(name, &round).await {
                    Ok(rest) => rest,
                    Err(error) => {
                        tracing::error!(duty = name, %error, "a round failed; trying again");
                        LATER
                    }
                };
                tokio::select! {
                    () = keeper.stop.cancelled() => {}
                    () = tokio::time::sleep(rest) => {}
                }
            }
        });
    }

    async fn turn<F>(&self, name: &'static str, round: &(impl Fn(Connect) -> F + Sync)) -> Result<Duration>
    where
        F: Future<Output = Result<Duration>> + Send,
    {
        if self.connect.store().node().has_duty(name, DUTY).await? {
            return round(self.connect.clone()).await;
        }
        Ok(LATER)
    }
}
