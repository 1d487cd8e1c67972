//! Storage: the database on two engines, secrets, and one module of queries for each noun.
//!
//! Queries of tenant data take a [`Ctx`](campanile_model::Ctx), so that none can forget the environment. A change is
//! added to a [`Batch`] and becomes true, with its audit row and its tasks, when the batch is committed.

pub mod api_keys;
pub mod attachments;
pub mod audits;
pub mod changes;
pub mod connections;
pub mod contexts;
pub mod db;
pub mod deliveries;
mod dev_clock;
pub mod digests;
pub mod endpoints;
pub mod environment_variables;
pub mod environments;
pub mod events;
pub mod first_start;
pub mod grants;
pub mod hooks;
pub mod idempotency;
pub mod inbox_sessions;
pub mod integrations;
mod keyring;
pub mod layouts;
pub mod link_codes;
pub mod messages;
pub mod nodes;
pub mod notifications;
pub mod oauth_states;
pub mod outbox;
pub mod page;
pub mod preferences;
pub mod probes;
pub mod recent_runs;
pub mod rehearsal;
pub mod secrets;
pub mod subscribers;
pub mod subscriptions;
pub mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod topics;
pub mod traces;
pub mod translations;
pub mod webhooks;
pub mod workflows;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use campanile_model::{Clock, Id, IdMaker, Time};

pub use db::{Address, Batch, Db, Done, StoreError};
pub use secrets::{MasterKey, Secrets};

/// Everything that is stored, and what storing needs: clock, ids, keys. Clones are handles to the same store.
#[derive(Clone)]
pub struct Store {
    db: Db,
    secrets: Secrets,
    ids: Arc<IdMaker>,
    clock: Clock,
    node: Arc<nodes::Node>,
}

/// All statements of all modules; the tests prepare each of them on both engines.
#[cfg(any(test, feature = "testing"))]
pub fn all_statements() -> Vec<&'static db::Sql> {
    [
        api_keys::ALL,
        audits::ALL,
        changes::ALL,
        connections::ALL,
        connections::aliases::ALL,
        connections::remove::ALL,
        connections::write::ALL,
        contexts::ALL,
        deliveries::ALL,
        dev_clock::ALL,
        digests::ALL,
        endpoints::ALL,
        endpoints::relink::ALL,
        environment_variables::ALL,
        environments::ALL,
        &environments::all_of_erasure(),
        events::ALL,
        first_start::ALL,
        grants::ALL,
        grants::consent::ALL,
        hooks::ALL,
        grants::revocations::ALL,
        grants::rotation::ALL,
        idempotency::ALL,
        inbox_sessions::ALL,
        integrations::ALL,
        integrations::ALL_CHANGES,
        integrations::health::ALL,
        keyring::ALL,
        layouts::ALL,
        link_codes::ALL,
        messages::ALL,
        nodes::ALL,
        notifications::ALL,
        oauth_states::ALL,
        attachments::ALL,
        outbox::ALL,
        preferences::ALL,
        probes::ALL,
        recent_runs::ALL,
        subscribers::ALL,
        subscriptions::ALL,
        tasks::ALL,
        testing::ALL,
        topics::ALL,
        traces::ALL,
        translations::ALL,
        webhooks::ALL,
        webhooks::ALL_DELIVERIES,
        workflows::ALL,
    ]
    .concat()
}

impl Store {
    /// Opens a migrated database with these master keys: the first seals, all open.
    pub async fn open(address: &Address, masters: &[MasterKey], clock: Clock) -> Result<Self, StoreError> {
        let db = Db::open(address).await?;
        let root = keyring::root_key(&db, masters, clock.now()).await?;
        let secrets = Secrets::new(&root)?;
        let (node, ids) = nodes::Node::lease(&db, &clock).await?;
        Ok(Self {
            db,
            secrets,
            ids,
            clock,
            node,
        })
    }

    /// The time now.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A new id.
    pub fn new_id(&self) -> Id {
        self.ids.next()
    }

    /// The database under the store.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Seals and hashes.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// This process among those that share the database.
    pub fn node(&self) -> &nodes::Node {
        &self.node
    }

    /// Commits a batch; when this returns, it is on disk.
    pub async fn commit(&self, batch: Batch) -> Result<Done, StoreError> {
        self.db.commit(batch).await
    }
}

/// Refuses a second process on one SQLite file: two writers would undo each other's leases. The lock lasts as long as
/// the returned file is open, and ends with the process.
pub fn lock_data_dir(dir: &Path) -> Result<std::fs::File, StoreError> {
    let path = dir.join("lock");
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let file = file.map_err(|error| StoreError::Driver(format!("cannot open {}: {error}", path.display())))?;
    file.try_lock().map_err(|_| {
        StoreError::Driver(format!(
            "another Campanile already uses {}; stop it, or choose another folder with CAMPANILE_DATA_DIR",
            dir.display()
        ))
    })?;
    Ok(file)
}
