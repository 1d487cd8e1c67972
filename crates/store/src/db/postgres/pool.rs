//! Connections, each shared by many callers: requests are pipelined, so that one round trip carries several.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, RwLock};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, Config, Statement};

use crate::db::error::StoreError;
use crate::db::value::{Row, Val};

const READERS: usize = 4;
/// Every statement finds its rows by key. A plan is kept with its statement, and one that was made while a table was
/// still small would read the whole table for ever: so only plans by index are made.
const PLANS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";

/// Connects; the returned stream of messages ends when the connection does.
pub(in crate::db) async fn connect(
    url: &str,
) -> Result<(Client, tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>), StoreError> {
    let config: Config = url
        .parse()
        .map_err(|error| StoreError::Driver(format!("the database URL cannot be read: {error}")))?;
    let roots = rustls::RootCertStore::from_iter([]);
    let (sender, messages) = tokio::sync::mpsc::unbounded_channel();
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(load_roots(roots))
        .with_no_client_auth();
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, mut connection) = config.connect(tls).await.map_err(|error| driver(&error))?;
    tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(message) => drop(sender.send(message)),
                Err(_) => break,
            }
        }
    });
    Ok((client, messages))
}

/// The system's certificates, as far as they can be read; without any, TLS to a server simply fails with its reason.
fn load_roots(mut roots: rustls::RootCertStore) -> rustls::RootCertStore {
    for certificate in rustls_native_certs::load_native_certs().certs {
        let _ = roots.add(certificate);
    }
    roots
}

/// One connection with its prepared statements.
pub(super) struct Connection {
    pub(super) client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Connection {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let (client, _messages) = connect(url).await?;
        client.batch_execute(PLANS).await.map_err(|error| driver(&error))?;
        Ok(Self {
            client,
            statements: Mutex::default(),
        })
    }

    pub(super) async fn prepare(&self, text: &str) -> Result<Statement, StoreError> {
        let mut statements = self.statements.lock().await;
        if let Some(statement) = statements.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await.map_err(|error| driver(&error))?;
        statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement; the number of changed rows, or the rows it returns.
    pub(super) async fn run(&self, statement: &Statement, row: &[Val]) -> Result<(u64, Vec<Row>), StoreError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = row.iter().map(|val| val as _).collect();
        if statement.columns().is_empty() {
            let changed = self
                .client
                .execute(statement, &parameters)
                .await
                .map_err(|error| driver(&error))?;
            return Ok((changed, Vec::new()));
        }
        let rows = self
            .client
            .query(statement, &parameters)
            .await
            .map_err(|error| driver(&error))?;
        let rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok((rows.len() as u64, rows))
    }
}

/// Connections that open again by themselves after a failure.
pub(in crate::db) struct Pool {
    url: String,
    connections: Vec<RwLock<Arc<Connection>>>,
    next: AtomicUsize,
}

impl Pool {
    pub(in crate::db) async fn connect(url: &str) -> Result<Self, StoreError> {
        let mut connections = Vec::new();
        for _ in 0..READERS {
            connections.push(RwLock::new(Arc::new(Connection::open(url).await?)));
        }
        Ok(Self {
            url: url.to_owned(),
            connections,
            next: AtomicUsize::new(0),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    async fn connection(&self) -> Result<Arc<Connection>, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        let Some(slot) = self.connections.get(number) else {
            return Err(StoreError::Driver("there is no connection".to_owned()));
        };
        let connection = Arc::clone(&*slot.read().await);
        if !connection.client.is_closed() {
            return Ok(connection);
        }
        let mut slot = slot.write().await;
        if slot.client.is_closed() {
            *slot = Arc::new(Connection::open(&self.url).await?);
        }
        Ok(Arc::clone(&slot))
    }

    pub(in crate::db) async fn query(&self, text: &str, row: Vec<Val>) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare(text).await?;
        connection.run(&statement, &row).await.map(|(_, rows)| rows)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(in crate::db) async fn check(&self, text: &str) -> Result<(), StoreError> {
        self.connection().await?.prepare(text).await.map(|_| ())
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<String>>(index).map(Val::from),
            Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Val::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(Val::from),
            Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Val::from),
            ref other => {
                return Err(StoreError::Corrupt(format!(
                    "column {} has type {other}",
                    column.name()
                )));
            }
        };
        values.push(value.map_err(|error| driver(&error))?);
    }
    Ok(Row(values))
}

/// Values are encoded by what the server asked for, so that statements need no casts.
impl ToSql for Val {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) if *kind == Type::BOOL => value.to_sql(kind, out),
            Self::Bool(value) => Self::Int(i64::from(*value)).to_sql(kind, out),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) if *kind == Type::BOOL => (*value != 0).to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::List(list) if matches!(kind.kind(), Kind::Array(_)) => list.as_slice().to_sql(kind, out),
            Self::List(_) => Err("a list was given where one value is needed".into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(super) fn driver(error: &tokio_postgres::Error) -> StoreError {
    let Some(failure) = error.as_db_error() else {
        // The driver's own text hides its cause; an operator needs it.
        let cause = std::error::Error::source(error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        return StoreError::Driver(format!("{error}{cause}"));
    };
    match failure.code() {
        &SqlState::UNIQUE_VIOLATION => StoreError::Conflict(failure.constraint().unwrap_or_default().to_owned()),
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
            StoreError::Busy(failure.message().to_owned())
        }
        _ => StoreError::Driver(format!("{} ({})", failure.message(), failure.code().code())),
    }
}
