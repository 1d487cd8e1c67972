//! SQLite: one writer thread that groups commits, and a few reader threads.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::oneshot;

use super::batch::{Batch, Done};
use super::error::StoreError;
use super::signals::Signals;
use super::value::{Row, Val};
use super::write_queue::{WriteQueue, callers};

const READERS: usize = 3;
/// How often the log is looked at.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// A log of fewer bytes is left alone.
const WORTH_A_CHECKPOINT: u64 = 4 << 20;
/// After a group with a failing batch so many groups are run with savepoints.
const CAREFUL_GROUPS: u32 = 16;

/// Opens a connection with the settings that every connection has.
pub(super) fn open(path: &Path, read_only: bool) -> Result<Connection, StoreError> {
    // Only its owner may read the file; SQLite gives its side files the same mode.
    let _ = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| {
        StoreError::Driver(format!(
            "cannot open {}: {error}; check that the folder exists and is writable",
            path.display()
        ))
    })?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(driver)?;
    connection.set_prepared_statement_cache_capacity(256);
    // FULL: an answer may say that something is stored only when it is on disk.
    let settings = if read_only {
        "PRAGMA query_only = ON; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;"
    } else {
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864; \
         PRAGMA wal_autocheckpoint = 100000;"
    };
    connection.execute_batch(settings).map_err(driver)?;
    Ok(connection)
}

pub(super) fn spawn_writer(path: &Path, queue: Arc<WriteQueue>, signals: Signals) -> Result<(), StoreError> {
    let connection = open(path, false)?;
    let writer = Writer {
        indexes: unique_indexes(&connection)?,
        careful: Cell::new(0),
        connection,
    };
    let checkpointer = spawn_checkpointer(path)?;
    std::thread::Builder::new()
        .name("sqlite-writer".to_owned())
        .spawn(move || {
            let _checkpointer = checkpointer;
            while let Some(jobs) = queue.next_blocking() {
                let callers = callers(&jobs);
                let (batches, replies): (Vec<Batch>, Vec<_>) =
                    jobs.into_iter().map(|job| (job.batch, job.reply)).unzip();
                let results = writer.commit(&batches);
                for ((result, batch), reply) in results.into_iter().zip(&batches).zip(replies) {
                    if result.is_ok() {
                        signals.committed(batch);
                    }
                    // A caller that stopped waiting does not mind.
                    let _ = reply.send(result);
                }
                queue.finished(callers);
            }
        })
        .map_err(|error| StoreError::Driver(format!("cannot start the writer thread: {error}")))?;
    Ok(())
}

/// Moves the log into the database beside the writer, so that no commit waits for it. The writer's own checkpoint, at
/// 100,000 pages, is left for a log that grows faster than that.
fn spawn_checkpointer(path: &Path) -> Result<Arc<()>, StoreError> {
    let connection = open(path, false)?;
    let log = path.with_extension(path.extension().map_or_else(
        || "-wal".to_owned(),
        |extension| format!("{}-wal", extension.to_string_lossy()),
    ));
    let alive = Arc::new(());
    let watched = Arc::downgrade(&alive);
    std::thread::Builder::new()
        .name("sqlite-checkpointer".to_owned())
        .spawn(move || {
            while watched.strong_count() > 0 {
                std::thread::sleep(CHECKPOINT_EVERY);
                if std::fs::metadata(&log).is_ok_and(|log| log.len() >= WORTH_A_CHECKPOINT) {
                    // It gives way to readers and tries again, so it does not matter how far it came.
                    let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
                }
            }
        })
        .map_err(|error| StoreError::Driver(format!("cannot start the checkpointer thread: {error}")))?;
    Ok(alive)
}

struct Writer {
    connection: Connection,
    /// For how many more groups a failure is expected.
    careful: Cell<u32>,
    indexes: HashMap<String, String>,
}

impl Writer {
    fn commit(&self, batches: &[Batch]) -> Vec<Result<Done, StoreError>> {
        // A savepoint for each batch copies the pages that it changes. Most groups have no failing batch, so a group is
        // tried without, and run again with savepoints when one fails; while failures go on, it starts with them.
        let careful = self.careful.get();
        if careful == 0 || batches.len() == 1 {
            let results = self.transaction(batches, false);
            if batches.len() == 1 || results.iter().all(Result::is_ok) {
                return results;
            }
            self.careful.set(CAREFUL_GROUPS);
        } else {
            self.careful.set(careful - 1);
        }
        self.transaction(batches, true)
    }

    /// Runs the batches in one transaction. Without savepoints the first failure undoes all of them.
    fn transaction(&self, batches: &[Batch], savepoints: bool) -> Vec<Result<Done, StoreError>> {
        if !batches.iter().all(|batch| batch.may_be_lost) {
            return self.durable_transaction(batches, savepoints);
        }
        // The write-ahead log is not synced for what may be lost; the next durable commit syncs it along.
        let relaxed = self.connection.execute_batch("PRAGMA synchronous = NORMAL");
        let results = self.durable_transaction(batches, savepoints);
        let restored = self.connection.execute_batch("PRAGMA synchronous = FULL");
        match relaxed.and(restored) {
            Ok(()) => results,
            Err(error) => batches.iter().map(|_| Err(driver_ref(&error))).collect(),
        }
    }

    fn durable_transaction(&self, batches: &[Batch], savepoints: bool) -> Vec<Result<Done, StoreError>> {
        if let Err(error) = self.command("BEGIN IMMEDIATE") {
            return batches.iter().map(|_| Err(error.clone())).collect();
        }
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            let result = if savepoints {
                self.run_apart(batch)
            } else {
                self.run(batch)
            };
            let failed = result.is_err();
            results.push(result);
            if failed && !savepoints {
                let _ = self.command("ROLLBACK");
                return results;
            }
        }
        if let Err(error) = self.command("COMMIT") {
            let _ = self.command("ROLLBACK");
            for result in &mut results {
                *result = Err(error.clone());
            }
        }
        results
    }

    /// One caller's failure does not undo the others'.
    fn run_apart(&self, batch: &Batch) -> Result<Done, StoreError> {
        self.command("SAVEPOINT batch")?;
        let result = self.run(batch);
        if result.is_err() {
            self.command("ROLLBACK TO batch")?;
        }
        self.command("RELEASE batch")?;
        result
    }

    fn command(&self, text: &str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(text).map_err(driver)?;
        statement.execute([]).map(|_| ()).map_err(driver)
    }

    fn run(&self, batch: &Batch) -> Result<Done, StoreError> {
        let mut done = Done::default();
        for statement in &batch.statements {
            let mut prepared = self.connection.prepare_cached(statement.sql.sqlite()).map_err(driver)?;
            let mut changed = 0;
            let mut rows = Vec::new();
            for row in &statement.rows {
                if prepared.column_count() == 0 {
                    let count = prepared
                        .execute(rusqlite::params_from_iter(row))
                        .map_err(|error| self.failed(&error))?;
                    changed += count as u64;
                } else {
                    let before = rows.len();
                    collect(&mut prepared, row, &mut rows).map_err(|error| self.failed(&error))?;
                    changed += (rows.len() - before) as u64;
                }
            }
            if let Some(conflict) = statement.conflict
                && changed != statement.rows.len() as u64
            {
                return Err(StoreError::Conflict(conflict.to_owned()));
            }
            done.changed.push(changed);
            done.rows.push(rows);
        }
        Ok(done)
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        if let rusqlite::Error::SqliteFailure(failure, Some(message)) = error
            && failure.code == ErrorCode::ConstraintViolation
            && let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ")
        {
            let name = self.indexes.get(columns).cloned().unwrap_or_else(|| columns.to_owned());
            return StoreError::Conflict(name);
        }
        driver_ref(error)
    }
}

/// SQLite names the columns of a violated index; callers know indexes by name, as PostgreSQL does.
fn unique_indexes(connection: &Connection) -> Result<HashMap<String, String>, StoreError> {
    let sql = "SELECT i.name, group_concat(m.name || '.' || c.name, ', ' ORDER BY c.seqno) \
               FROM sqlite_schema m, pragma_index_list(m.name) i, pragma_index_info(i.name) c \
               WHERE m.type = 'table' AND i.\"unique\" = 1 AND i.origin = 'c' GROUP BY m.name, i.name";
    let mut statement = connection.prepare(sql).map_err(driver)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(1)?, row.get::<_, String>(0)?)))
        .map_err(driver)?
        .collect::<Result<HashMap<_, _>, _>>();
    rows.map_err(driver)
}

impl ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(value) => ToSqlOutput::Owned(Stored::Integer(i64::from(*value))),
            Self::Int(value) => ToSqlOutput::Owned(Stored::Integer(*value)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::List(list) => ToSqlOutput::Owned(Stored::Text(list_as_json(list))),
        })
    }
}

fn list_as_json(list: &[Val]) -> String {
    let values: Vec<serde_json::Value> = list
        .iter()
        .map(|val| match val {
            Val::Null | Val::List(_) => serde_json::Value::Null,
            Val::Bool(value) => i64::from(*value).into(),
            Val::Int(value) => (*value).into(),
            Val::Text(text) => text.as_str().into(),
        })
        .collect();
    serde_json::Value::Array(values).to_string()
}

fn collect(statement: &mut rusqlite::CachedStatement<'_>, row: &[Val], into: &mut Vec<Row>) -> rusqlite::Result<()> {
    let count = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(row))?;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(count);
        for index in 0..count {
            values.push(match row.get_ref(index)? {
                ValueRef::Integer(value) => Val::Int(value),
                ValueRef::Text(text) => Val::Text(String::from_utf8_lossy(text).into_owned()),
                // No column holds either; both would show as a damaged row when it is read.
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Val::Null,
            });
        }
        into.push(Row(values));
    }
    Ok(())
}

type Query = (
    Cow<'static, str>,
    Vec<Val>,
    oneshot::Sender<Result<Vec<Row>, StoreError>>,
);

/// Reader threads, each with a connection of its own.
pub(super) struct Readers {
    threads: Vec<mpsc::Sender<Query>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut threads = Vec::new();
        for number in 0..READERS {
            let connection = open(path, true)?;
            let (sender, queries) = mpsc::channel::<Query>();
            std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || {
                    for (text, row, reply) in queries {
                        let _ = reply.send(read(&connection, &text, &row));
                    }
                })
                .map_err(|error| StoreError::Driver(format!("cannot start a reader thread: {error}")))?;
            threads.push(sender);
        }
        Ok(Self {
            threads,
            next: AtomicUsize::new(0),
        })
    }

    pub(super) async fn query(&self, text: Cow<'static, str>, row: Vec<Val>) -> Result<Vec<Row>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len().max(1);
        let sent = self.threads.get(number).map(|thread| thread.send((text, row, reply)));
        if !matches!(sent, Some(Ok(()))) {
            return Err(StoreError::Driver("the reader threads stopped".to_owned()));
        }
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Driver("a reader thread stopped".to_owned())))
    }
}

fn read(connection: &Connection, text: &str, row: &[Val]) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(text).map_err(driver)?;
    let mut rows = Vec::new();
    collect(&mut statement, row, &mut rows).map_err(driver)?;
    Ok(rows)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn driver(error: rusqlite::Error) -> StoreError {
    driver_ref(&error)
}

fn driver_ref(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(error.to_string()),
        _ => StoreError::Driver(error.to_string()),
    }
}
