//! Statistics of tables that grow quickly. PostgreSQL gathers them by itself, but at first after a minute: until then it
//! takes a table that was filled a moment ago for an empty one, every index for as good as another, and a prepared
//! statement keeps the plan that came of it. Whoever gathers them makes the plans of all sessions anew.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::pool::{Connection, Pool};
use crate::db::error::StoreError;

/// How often tables are measured.
const EVERY: Duration = Duration::from_secs(1);
/// Tables of this schema that are four times as large as their statistics say.
const GROWN: &str = "SELECT quote_ident(relname) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
        AND pg_relation_size(oid) / current_setting('block_size')::int8 >= 4 * greatest(relpages, 1)";
/// One session at a time, over all nodes; a small sample is enough to tell keys from constants.
const ALONE: &str = "BEGIN; SET LOCAL default_statistics_target = 10";
const TURN: &str = "SELECT pg_try_advisory_xact_lock(hashtext('campanile statistics'))";

/// Goes on for as long as the pool lives.
pub(in crate::db) fn keep_statistics(pool: &Arc<Pool>) {
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        let mut slot = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(url) = Weak::upgrade(&pool).map(|pool| pool.url().to_owned()) else {
                return;
            };
            if let Err(error) = gather(&url, &mut slot).await {
                tracing::debug!(%error, "statistics of tables could not be gathered; trying again");
                slot = None;
            }
        }
    });
}

async fn gather(url: &str, slot: &mut Option<Connection>) -> Result<(), StoreError> {
    let connection = match slot {
        Some(connection) => connection,
        None => slot.insert(Connection::open(url).await?),
    };
    let client = &connection.client;
    let driver = |error| super::pool::driver(&error);
    let grown = connection.prepare(GROWN).await?;
    if client.query(&grown, &[]).await.map_err(driver)?.is_empty() {
        return Ok(());
    }
    client.batch_execute(ALONE).await.map_err(driver)?;
    let turn = client.query_one(TURN, &[]).await.map_err(driver)?;
    if turn.get::<_, bool>(0) {
        // Read again: another node may just have done it.
        for table in client.query(&grown, &[]).await.map_err(driver)? {
            let table: String = table.get(0);
            client
                .batch_execute(&format!("ANALYZE {table}"))
                .await
                .map_err(driver)?;
        }
    }
    client.batch_execute("COMMIT").await.map_err(driver)
}
