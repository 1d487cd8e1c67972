//! The database: SQLite or PostgreSQL behind one set of statements.
//!
//! Reads go to whichever connection is free. Writes are [`Batch`]es, put into one queue and committed in groups.

mod batch;
mod error;
pub mod migrate;
#[cfg(any(test, feature = "testing"))]
pub mod plans;
mod postgres;
mod signals;
mod sql;
mod sqlite;
mod value;
mod write_queue;

use std::path::PathBuf;
use std::sync::Arc;

pub use batch::{Batch, Done, Urgency};
pub use error::StoreError;
pub use signals::Signals;
pub(crate) use sql::Source;
pub use sql::Sql;
pub use value::{Columns, FromRow, Row, Val};

use write_queue::WriteQueue;

/// Where the data is.
#[derive(Clone)]
pub enum Address {
    /// A file that this process alone opens.
    Sqlite(PathBuf),
    /// A server, and a second address for `LISTEN` when the first one is a pooler.
    Postgres {
        /// `postgres://…`
        url: String,
        /// Another way to the same server that keeps sessions.
        direct_url: Option<String>,
    },
}

/// The database; clones are handles to the same one.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    writes: Arc<WriteQueue>,
    signals: Signals,
    #[cfg(any(test, feature = "testing"))]
    watched: plans::Watched,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<sqlite::Readers>),
    Postgres(Arc<postgres::Pool>),
}

impl Db {
    /// Opens the database, which has to be migrated.
    pub async fn open(address: &Address) -> Result<Self, StoreError> {
        let writes = Arc::new(WriteQueue::new());
        let signals = Signals::new();
        let engine = match address {
            Address::Sqlite(path) => {
                sqlite::spawn_writer(path, Arc::clone(&writes), signals.clone())?;
                Engine::Sqlite(Arc::new(sqlite::Readers::open(path)?))
            }
            Address::Postgres { url, direct_url } => {
                let pool = Arc::new(postgres::Pool::connect(url).await?);
                postgres::spawn_writers(&pool, &writes, &signals);
                postgres::keep_statistics(&pool);
                postgres::spawn_listener(direct_url.as_deref().unwrap_or(url), signals.clone());
                Engine::Postgres(pool)
            }
        };
        Ok(Self {
            engine,
            writes,
            signals,
            #[cfg(any(test, feature = "testing"))]
            watched: plans::Watched::default(),
        })
    }

    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// What other parts of the server and other nodes are told after commits.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// All rows of a query.
    pub async fn all<T: FromRow>(&self, sql: &'static Sql, row: Vec<Val>) -> Result<Vec<T>, StoreError> {
        let rows = match &self.engine {
            Engine::Sqlite(readers) => readers.query(sql.sqlite().into(), row).await?,
            Engine::Postgres(pool) => pool.query(sql.postgres(), row).await?,
        };
        decode(rows)
    }

    /// The first row of a query.
    pub async fn first<T: FromRow>(&self, sql: &'static Sql, row: Vec<Val>) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, row).await?.into_iter().next())
    }

    /// All rows of a query that was put together from constant parts (filters and orders of lists).
    pub(crate) async fn all_of<T: FromRow>(&self, text: &str, row: Vec<Val>) -> Result<Vec<T>, StoreError> {
        #[cfg(any(test, feature = "testing"))]
        self.watched.note(text, &row);
        let rows = match &self.engine {
            Engine::Sqlite(readers) => readers.query(sql::for_sqlite(text).into(), row).await?,
            Engine::Postgres(pool) => pool.query(&sql::for_postgres(text), row).await?,
        };
        decode(rows)
    }

    /// Commits a batch, together with what others commit at the same time. When this returns, it is on disk.
    pub async fn commit(&self, batch: Batch) -> Result<Done, StoreError> {
        if batch.is_empty() {
            return Ok(Done::default());
        }
        self.writes.commit(batch).await
    }

    /// How many callers wait for a commit: background work makes room when there are many.
    pub fn waiting_callers(&self) -> usize {
        self.writes.waiting()
    }

    /// Finishes what is queued and closes the database.
    pub async fn close(&self) {
        self.writes.close().await;
    }

    /// Prepares a statement without running it: the check of all statements.
    #[cfg(any(test, feature = "testing"))]
    pub async fn check(&self, sql: &'static Sql) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(readers) => {
                let text = format!("EXPLAIN {}", sql.sqlite());
                let parameters = (1..100).take_while(|n| text.contains(&format!("?{n}"))).count();
                readers
                    .query(text.into(), vec![Val::Null; parameters])
                    .await
                    .map(|_| ())
            }
            Engine::Postgres(pool) => pool.check(sql.postgres()).await,
        }
    }
}

fn decode<T: FromRow>(rows: Vec<Row>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| T::from_row(&mut row.columns())).collect()
}
