//! Writers: many batches in one transaction, their rows in arrays where batches are alike.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio_postgres::Statement;

use super::pool::{Connection, Pool};
use crate::db::batch::{Batch, Done};
use crate::db::error::StoreError;
use crate::db::signals::Signals;
use crate::db::value::Val;
use crate::db::write_queue::{Job, WriteQueue, callers};

/// More only multiply contention for locks.
const WRITERS: usize = 2;
/// How often a group is tried again when the engine asks for it.
const TRIES: usize = 5;

pub(in crate::db) fn spawn_writers(pool: &Arc<Pool>, queue: &Arc<WriteQueue>, signals: &Signals) {
    for _ in 0..WRITERS {
        let (pool, queue, signals) = (Arc::clone(pool), Arc::clone(queue), signals.clone());
        tokio::spawn(async move {
            let mut connection = None;
            while let Some(jobs) = queue.next().await {
                let callers = callers(&jobs);
                commit(&pool, &mut connection, jobs, &signals).await;
                queue.finished(callers);
            }
        });
    }
}

async fn commit(pool: &Pool, slot: &mut Option<Connection>, jobs: Vec<Job>, signals: &Signals) {
    if slot.as_ref().is_none_or(|connection| connection.client.is_closed()) {
        match Connection::open(pool.url()).await {
            Ok(connection) => *slot = Some(connection),
            Err(error) => {
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
                return;
            }
        }
    }
    let Some(connection) = slot.as_ref() else { return };
    // Halves of a group that failed, still to be tried: the one culprit is found in a few steps.
    let mut groups = vec![jobs];
    while let Some(mut jobs) = groups.pop() {
        jobs.sort_by_key(|job| shape_key(&job.batch));
        let batches: Vec<&Batch> = jobs.iter().map(|job| &job.batch).collect();
        match transaction(connection, &batches).await {
            Ok(results) => {
                for (job, done) in jobs.into_iter().zip(results) {
                    signals.committed(&job.batch);
                    let _ = job.reply.send(Ok(done));
                }
            }
            Err(error) if jobs.len() == 1 || connection.client.is_closed() => {
                for job in jobs {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
            Err(_) => {
                let rest = jobs.split_off(jobs.len() / 2);
                groups.push(rest);
                groups.push(jobs);
            }
        }
    }
}

/// Orders batches so that those alike stand together.
fn shape_key(batch: &Batch) -> Vec<usize> {
    batch
        .statements
        .iter()
        .map(|statement| std::ptr::from_ref(statement.sql).addr())
        .collect()
}

async fn transaction(connection: &Connection, batches: &[&Batch]) -> Result<Vec<Done>, StoreError> {
    let mut tries = 0;
    loop {
        match try_transaction(connection, batches).await {
            Err(StoreError::Busy(_)) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(5 << tries)).await;
            }
            result => return result,
        }
    }
}

/// One statement as it goes over the wire, and whose batches it is for.
struct Call {
    statement: Statement,
    row: Vec<Val>,
    first_batch: usize,
    position: usize,
    /// The rows that must be changed, and the name of the conflict when they are not.
    expected: Option<(u64, &'static str)>,
}

async fn try_transaction(connection: &Connection, batches: &[&Batch]) -> Result<Vec<Done>, StoreError> {
    let calls = plan(connection, batches).await?;
    // All but the last word goes out at once; expectations have to be seen before the commit.
    let begin = connection
        .client
        .batch_execute(if batches.iter().all(|batch| batch.may_be_lost) {
            "BEGIN; SET LOCAL synchronous_commit = off"
        } else {
            "BEGIN"
        });
    let answers = join_all(calls.iter().map(|call| connection.run(&call.statement, &call.row)));
    let (begun, answers) = join(begin, answers).await;
    let mut results: Vec<Done> = batches
        .iter()
        .map(|batch| Done {
            changed: vec![0; batch.statements.len()],
            rows: (0..batch.statements.len()).map(|_| Vec::new()).collect(),
        })
        .collect();
    let mut failed = begun.err().map(|error| super::pool::driver(&error));
    for (call, answer) in calls.iter().zip(answers) {
        match answer {
            Ok((changed, rows)) => {
                if let Some((expected, conflict)) = call.expected
                    && changed != expected
                {
                    failed.get_or_insert_with(|| StoreError::Conflict(conflict.to_owned()));
                }
                if let Some(done) = results.get_mut(call.first_batch) {
                    if let Some(count) = done.changed.get_mut(call.position) {
                        *count += changed;
                    }
                    if let Some(all) = done.rows.get_mut(call.position) {
                        all.extend(rows);
                    }
                }
            }
            // After the first failure the server only says that the transaction is aborted.
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failed {
        let _ = connection.client.batch_execute("ROLLBACK").await;
        return Err(error);
    }
    connection
        .client
        .batch_execute("COMMIT")
        .await
        .map_err(|error| super::pool::driver(&error))?;
    Ok(results)
}

/// The calls of a group: batches that are alike share one call for each insert.
async fn plan(connection: &Connection, batches: &[&Batch]) -> Result<Vec<Call>, StoreError> {
    let mut calls = Vec::new();
    let mut start = 0;
    while start < batches.len() {
        let alike = batches[start..]
            .iter()
            .take_while(|batch| batch.same_shape(batches[start]))
            .count();
        let group = &batches[start..start + alike];
        for (position, model) in group[0].statements.iter().enumerate() {
            let statement = connection.prepare(model.sql.postgres()).await?;
            if model.sql.takes_columns() {
                let rows = group.iter().flat_map(|batch| &batch.statements[position].rows);
                let count: u64 = group
                    .iter()
                    .map(|batch| batch.statements[position].rows.len() as u64)
                    .sum();
                calls.push(Call {
                    statement,
                    row: columns(rows),
                    first_batch: start,
                    position,
                    expected: model.conflict.map(|conflict| (count, conflict)),
                });
                continue;
            }
            for (offset, batch) in group.iter().enumerate() {
                for row in &batch.statements[position].rows {
                    calls.push(Call {
                        statement: statement.clone(),
                        row: row.clone(),
                        first_batch: start + offset,
                        position,
                        expected: batch.statements[position].conflict.map(|conflict| (1, conflict)),
                    });
                }
            }
        }
        start += alike;
    }
    Ok(calls)
}

/// Rows turned into one list for each column.
fn columns<'a>(rows: impl Iterator<Item = &'a Vec<Val>>) -> Vec<Val> {
    let mut lists: Vec<Vec<Val>> = Vec::new();
    for row in rows {
        lists.resize_with(row.len(), Vec::new);
        for (list, value) in lists.iter_mut().zip(row) {
            list.push(value.clone());
        }
    }
    lists.into_iter().map(Val::List).collect()
}
