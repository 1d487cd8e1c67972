//! This process among those that share the database: its leased node number, by which ids of several nodes never
//! collide, and its name as a holder of tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use campanile_model::{Clock, IdMaker};

use crate::db::{Batch, Db, StoreError};
use crate::secrets::{random_bytes, random_hex};
use crate::{args, queries};

/// A lease that was not renewed for this long is free.
const LEASE: Duration = Duration::from_mins(1);
/// How many numbers are tried before giving up.
const TRIES: usize = 64;

queries! {
    /// Takes a lease that is free, expired or already ours.
    TAKE = "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE leases.until < $4 OR leases.holder = excluded.holder";
    RELEASE = "DELETE FROM leases WHERE name = $1 AND holder = $2";
    SUCCEED = "DELETE FROM leases WHERE holder <> $1";
}

/// This process.
pub struct Node {
    db: Db,
    clock: Clock,
    holder: String,
    number: AtomicU16,
    ids: Arc<IdMaker>,
}

impl Node {
    /// Leases a free number.
    pub(crate) async fn lease(db: &Db, clock: &Clock) -> Result<(Arc<Self>, Arc<IdMaker>), StoreError> {
        let holder = random_hex(8)?;
        let number = free_number(db, clock, &holder).await?;
        let start = u32::from_be_bytes(random_bytes(4)?.try_into().unwrap_or_default()) / 2;
        let ids = Arc::new(IdMaker::new(clock.clone(), number, start));
        let node = Self {
            db: db.clone(),
            clock: clock.clone(),
            holder,
            number: AtomicU16::new(number),
            ids: Arc::clone(&ids),
        };
        Ok((Arc::new(node), ids))
    }

    /// This process's name as a holder of leases; new with each start.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Renews the number's lease, or takes another number when it was lost. To be called well within a minute.
    pub async fn renew(&self) -> Result<(), StoreError> {
        let number = self.number.load(Ordering::Relaxed);
        if take(&self.db, &self.clock, &self.holder, number).await? {
            return Ok(());
        }
        let number = free_number(&self.db, &self.clock, &self.holder).await?;
        self.number.store(number, Ordering::Relaxed);
        self.ids.renumber(number);
        Ok(())
    }

    /// Takes or renews a duty that one node at a time has, such as removing what is old.
    pub async fn has_duty(&self, name: &str, lease: Duration) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut batch = Batch::background();
        batch.expect(
            &TAKE,
            args![format!("duty:{name}"), &self.holder, now.plus(lease), now],
            "lease",
        );
        held(self.db.commit(batch).await.map(|_| ()))
    }

    /// Frees what other processes had, which are certainly gone: their duties would rest for up to a minute.
    pub(crate) async fn succeed(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.add(&SUCCEED, args![&self.holder]);
        self.db.commit(batch).await.map(|_| ())
    }

    /// Frees the number at the end.
    pub async fn release(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.add(&RELEASE, args![name(self.number.load(Ordering::Relaxed)), &self.holder]);
        self.db.commit(batch).await.map(|_| ())
    }
}

fn name(number: u16) -> String {
    format!("node:{number}")
}

async fn free_number(db: &Db, clock: &Clock, holder: &str) -> Result<u16, StoreError> {
    for _ in 0..TRIES {
        let number = u16::from_be_bytes(random_bytes(2)?.try_into().unwrap_or_default());
        if take(db, clock, holder, number).await? {
            return Ok(number);
        }
    }
    Err(StoreError::Driver(
        "no free node number was found; are there stale rows in the table leases?".to_owned(),
    ))
}

async fn take(db: &Db, clock: &Clock, holder: &str, number: u16) -> Result<bool, StoreError> {
    let now = clock.now();
    let mut batch = Batch::new();
    batch.expect(&TAKE, args![name(number), holder, now.plus(LEASE), now], "lease");
    held(db.commit(batch).await.map(|_| ()))
}

fn held(result: Result<(), StoreError>) -> Result<bool, StoreError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.is_conflict("lease") => Ok(false),
        Err(error) => Err(error),
    }
}
