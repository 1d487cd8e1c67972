//! What tests stand on: fresh stores on both engines.
//!
//! `both!` makes two tests of one body, one on each engine. PostgreSQL is started once for a test run by
//! `scripts/postgres.sh` (`make test` does it) and named in `TEST_POSTGRES_URL`; each test gets a database of its own,
//! copied from a migrated template.

pub mod fake;
pub mod http;
pub mod rotating;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use campanile_model::{Clock, Ctx};
use campanile_store::first_start::{Chosen, FirstStart};
use campanile_store::secrets::random_hex;
use campanile_store::{Address, MasterKey, Store};

/// Declares tests that run on both engines: `both! { async fn the_fact(test) { … } }`.
#[macro_export]
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($test:ident) $body:block)*) => {
        mod sqlite {
            use super::*;
            $($(#[$meta])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                let $test = $crate::TestStore::sqlite().await;
                $body
            })*
        }
        mod postgres {
            use super::*;
            $($(#[$meta])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() {
                let $test = $crate::TestStore::postgres().await;
                $body
            })*
        }
    };
}

/// A fresh store with the environments of a first start.
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// Its clock, which tests move.
    pub clock: Clock,
    /// Development, as the server itself sees it.
    pub ctx: Ctx,
    /// Production of the same organization.
    pub other: Ctx,
    /// What the first start made.
    pub made: FirstStart,
    /// Where it is.
    pub address: Address,
    _folder: Option<tempfile::TempDir>,
}

impl TestStore {
    /// On SQLite, in a temporary folder.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let address = Address::Sqlite(folder.path().join("test.db"));
        campanile_store::db::migrate::migrate(&address, false)
            .await
            .expect("the migrations run");
        Self::open(address, Some(folder)).await
    }

    /// On PostgreSQL, in a database of its own.
    pub async fn postgres() -> Self {
        let address = Address::Postgres {
            url: fresh_database().await,
            direct_url: None,
        };
        Self::open(address, None).await
    }

    /// Another process on the same database, with the same clock.
    pub async fn second_store(&self) -> Store {
        Store::open(&self.address, &[MasterKey::new([7; 32])], self.clock.clone())
            .await
            .expect("the store opens again")
    }

    async fn open(address: Address, folder: Option<tempfile::TempDir>) -> Self {
        let clock = Clock::system();
        let store = Store::open(&address, &[MasterKey::new([7; 32])], clock.clone())
            .await
            .expect("the store opens");
        let made = store
            .first_start(false, Chosen::default(), Chosen::default())
            .await
            .expect("a first start");
        let made = made.expect("the database was empty");
        let ctx = |made: &campanile_store::first_start::Made| {
            Ctx::system(made.environment.organization_id, made.environment.id, "test")
        };
        Self {
            ctx: ctx(&made.development),
            other: ctx(&made.production),
            store,
            clock,
            made,
            address,
            _folder: folder,
        }
    }
}

/// How long a condition may take on a starved machine. No test asserts that something is fast.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer, and gives it back; panics with what was waited for when there never is one.
pub async fn eventually<T>(awaited: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {awaited}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The template's name follows from the migrations, so that a server that outlives them is of use.
async fn template() -> String {
    let nowhere = Address::Sqlite("/nonexistent/campanile.db".into());
    let migrations = campanile_store::db::migrate::migrate(&nowhere, true)
        .await
        .expect("the migrations are listed");
    let mut hasher = DefaultHasher::new();
    migrations.hash(&mut hasher);
    format!("template_{:016x}", hasher.finish())
}

/// The URL of a new database with all migrations.
pub async fn fresh_database() -> String {
    let (admin_url, template) = (admin_url(), template().await);
    let admin = connect(&admin_url).await;
    let name = format!("test_{}", random_hex(8).expect("random bytes"));
    // The first test that comes makes the template; the others wait for it.
    admin.batch_execute("SELECT pg_advisory_lock(1)").await.expect("a lock");
    let known = admin
        .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&template])
        .await
        .expect("a query");
    if known.is_empty() {
        admin
            .batch_execute(&format!("CREATE DATABASE {template}"))
            .await
            .expect("a template");
        let address = Address::Postgres {
            url: sibling(&admin_url, &template),
            direct_url: None,
        };
        campanile_store::db::migrate::migrate(&address, false)
            .await
            .expect("the migrations run");
    }
    // A template cannot be copied while anybody is connected to it; the migration's connection may still be closing.
    while admin
        .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
    admin
        .batch_execute("SELECT pg_advisory_unlock(1)")
        .await
        .expect("an unlock");
    sibling(&admin_url, &name)
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where PostgreSQL is"
)]
fn admin_url() -> String {
    std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL is not set: run `make test`, or start one with `scripts/postgres.sh start DIR` and set it",
    )
}

/// The URL of a new database that nobody has migrated.
pub async fn empty_database() -> String {
    let admin_url = admin_url();
    let name = format!("test_{}", random_hex(8).expect("random bytes"));
    let admin = connect(&admin_url).await;
    admin
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a database");
    sibling(&admin_url, &name)
}

fn sibling(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

async fn connect(url: &str) -> tokio_postgres::Client {
    // The store's TLS needs a provider; the first caller installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}
