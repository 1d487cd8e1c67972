//! Dev mode's clock, which moves forward on demand and stays there over restarts: otherwise what was stored meanwhile
//! would lie in the future.

use std::time::Duration;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    SAVE = "INSERT INTO facts (name, value) VALUES ('clock_ahead', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    FIND = "SELECT value FROM facts WHERE name = 'clock_ahead'";
    /// Leases guard against dead processes, which no moved clock makes: they move along.
    KEEP_TASKS = "UPDATE tasks SET lease_until = lease_until + $1 WHERE state = 2";
    KEEP_LEASES = "UPDATE leases SET until = until + $1";
}

struct Fact(String);

impl FromRow for Fact {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

impl Store {
    /// Moves the clock forward, and wakes the workers: what was to come may be due.
    pub async fn advance_clock(&self, by: Duration) -> Result<(), StoreError> {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let ahead = self.clock.ahead().saturating_add(by).as_millis();
        let mut batch = Batch::new();
        batch.add(&SAVE, args![ahead.to_string()]);
        batch.add(&KEEP_TASKS, args![millis]);
        batch.add(&KEEP_LEASES, args![millis]);
        self.db.commit(batch).await?;
        self.clock.advance(by);
        self.promote_tasks().await?;
        self.db.signals().wake_workers();
        Ok(())
    }

    /// Takes up the time at which an earlier process of dev mode left off.
    pub async fn restore_clock(&self) -> Result<(), StoreError> {
        let Some(Fact(ahead)) = self.db.first::<Fact>(&FIND, args![]).await? else {
            return Ok(());
        };
        let ahead = Duration::from_millis(ahead.parse().unwrap_or(0));
        self.clock.advance(ahead.saturating_sub(self.clock.ahead()));
        Ok(())
    }
}
