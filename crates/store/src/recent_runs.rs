//! How often a step ran lately: what throttles and the look-back of digests ask. Each change is compared with what was
//! read, so that of many who ask at once no more pass than may.

use campanile_model::{Ctx, Time};

use crate::db::{Batch, Columns, FromRow, StoreError, Val};
use crate::digests::Group;
use crate::{Store, args, queries};

/// The conflict of counting by a row that has changed since it was read.
pub const CHANGED: &str = "recent runs";

queries! {
    FIND = "SELECT started_at, ends_at, runs FROM recent_runs
        WHERE environment_id = $1 AND workflow_id = $2 AND step_id = $3 AND subscriber_id = $4 AND contexts = $5 AND value = $6";
    BEGIN = {
        insert "recent_runs",
        "environment_id text, workflow_id text, step_id text, subscriber_id text, contexts text, value text, started_at int, ends_at int, runs int"
    };
    BEGIN_ANEW = "UPDATE recent_runs SET started_at = $7, ends_at = $8, runs = 1
        WHERE environment_id = $1 AND workflow_id = $2 AND step_id = $3 AND subscriber_id = $4 AND contexts = $5 AND value = $6
            AND started_at = $9 AND ends_at = $10 AND runs = $11";
    COUNT = "UPDATE recent_runs SET runs = runs + 1
        WHERE environment_id = $1 AND workflow_id = $2 AND step_id = $3 AND subscriber_id = $4 AND contexts = $5 AND value = $6
            AND started_at = $7 AND ends_at = $8 AND runs < $9";
    SWEEP = "DELETE FROM recent_runs WHERE ends_at <= $1";
}

/// How often a step ran for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentRuns {
    /// When the first of these runs was.
    pub started_at: Time,
    /// When they count no longer.
    pub ends_at: Time,
    /// How many there were.
    pub runs: i64,
}

impl FromRow for RecentRuns {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            started_at: c.time()?,
            ends_at: c.time()?,
            runs: c.int()?,
        })
    }
}

fn key(ctx: &Ctx, group: &Group) -> Vec<Val> {
    args![
        ctx.environment,
        group.workflow_id,
        &group.step_id,
        group.subscriber_id,
        group.contexts.stored(),
        &group.value
    ]
}

impl Store {
    /// How often the step ran for this group.
    pub async fn recent_runs(&self, ctx: &Ctx, group: &Group) -> Result<Option<RecentRuns>, StoreError> {
        self.db.first(&FIND, key(ctx, group)).await
    }

    /// Adds the first run of a new count, in place of what was read; the commit fails when somebody was faster.
    #[expect(clippy::unused_self, reason = "a change of the store like the others")]
    pub fn begin_runs(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        group: &Group,
        (started_at, ends_at): (Time, Time),
        read: Option<RecentRuns>,
    ) {
        let mut row = key(ctx, group);
        row.extend(args![started_at, ends_at]);
        match read {
            None => {
                row.extend(args![1i64]);
                batch.add(&BEGIN, row);
            }
            Some(read) => {
                row.extend(args![read.started_at, read.ends_at, read.runs]);
                batch.expect(&BEGIN_ANEW, row, CHANGED);
            }
        }
    }

    /// Adds one more run to the count that was read; the commit fails with [`CHANGED`] when there are `most` already.
    #[expect(clippy::unused_self, reason = "a change of the store like the others")]
    pub fn count_run(&self, batch: &mut Batch, ctx: &Ctx, group: &Group, read: RecentRuns, most: i64) {
        let mut row = key(ctx, group);
        row.extend(args![read.started_at, read.ends_at, most]);
        batch.expect(&COUNT, row, CHANGED);
    }

    /// Removes the counts that are worth nothing any more.
    pub async fn sweep_recent_runs(&self) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&SWEEP, args![self.now()]);
        self.db.commit(batch).await.map(|_| ())
    }
}
