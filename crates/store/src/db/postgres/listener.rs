//! Tells other nodes of work and of changed configuration, and hears theirs, over `NOTIFY`.
//!
//! One notice is sent for everything of the last few milliseconds: a transaction that notifies takes a lock over the
//! whole database when it commits, so that one notice for each trigger would put all commits in a row.

use std::time::Duration;

use tokio_postgres::AsyncMessage;

use super::pool::connect;
use crate::db::signals::Signals;

const GATHER: Duration = Duration::from_millis(5);
const RECONNECT: Duration = Duration::from_secs(2);

pub(in crate::db) fn spawn_listener(url: &str, signals: Signals) {
    let url = url.to_owned();
    tokio::spawn(async move {
        loop {
            if let Err(error) = listen(&url, &signals).await {
                tracing::debug!(%error, "the connection for notices ended; workers poll until it is back");
            }
            tokio::time::sleep(RECONNECT).await;
        }
    });
}

async fn listen(url: &str, signals: &Signals) -> Result<(), crate::db::StoreError> {
    let (client, mut messages) = connect(url).await?;
    client
        .batch_execute("LISTEN campanile")
        .await
        .map_err(|error| super::pool::driver(&error))?;
    // What changed while nobody listened is not known: caches start afresh.
    signals.configuration_changed_elsewhere();
    let own = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .map_err(|error| super::pool::driver(&error))?;
    let own: i32 = own.get(0);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                None => return Ok(()),
                Some(AsyncMessage::Notification(notice)) if notice.process_id() != own => {
                    if notice.payload() == "configuration" {
                        signals.configuration_changed_elsewhere();
                    }
                    signals.wake_workers();
                }
                Some(_) => {}
            },
            configuration = signals.outgoing() => {
                let text = if configuration { "NOTIFY campanile, 'configuration'" } else { "NOTIFY campanile" };
                client.batch_execute(text).await.map_err(|error| super::pool::driver(&error))?;
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}
