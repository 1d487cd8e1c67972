//! The work queue: rows that are deleted when they are done.
//!
//! A task is ready, scheduled for later, leased to a process, held until a grant is reconnected, or parked because no
//! running version understands it. Claims go round environments first, then lanes, and take a few of each, so that no
//! tenant and no slow destination delays another. A claim is fenced by its holder and its count: whoever lost a lease
//! can complete nothing.

use std::time::Duration;

use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

/// The conflict of completing a task whose lease was lost.
pub const LEASE_LOST: &str = "task lease";
/// How long a claimed task belongs to its holder without renewal.
pub const LEASE: Duration = Duration::from_secs(6);

const READY: i64 = 0;
const SCHEDULED: i64 = 1;
const LEASED: i64 = 2;
const HELD: i64 = 3;
const PARKED: i64 = 4;

queries! {
    INSERT = {
        insert "tasks",
        "id text, organization_id text, environment_id text, lane text, priority int, state int, run_at int, kind text, payload text, request_id text, lease_holder text, lease_until int, claims int, created_at int",
        "ON CONFLICT (id) DO NOTHING"
    };
    /// Each environment that has ready work, found by one step of the index each.
    READY_ENVIRONMENTS = "WITH RECURSIVE found (environment_id) AS (
            SELECT min(environment_id) FROM tasks WHERE state = 0
            UNION ALL
            SELECT (SELECT min(t.environment_id) FROM tasks t WHERE t.state = 0 AND t.environment_id > found.environment_id)
            FROM found WHERE found.environment_id IS NOT NULL)
        SELECT environment_id FROM found WHERE environment_id IS NOT NULL";
    /// At most $4 tasks of an environment: the next $3 lanes after $2, and an equal share of each.
    CLAIM = {
        sqlite: "UPDATE tasks SET state = 2, lease_holder = $5, lease_until = $6, claims = claims + 1 WHERE id IN (
            WITH RECURSIVE lanes (lane) AS (
                SELECT (SELECT min(lane) FROM tasks WHERE environment_id = $1 AND state = 0 AND lane > $2)
                UNION ALL
                SELECT (SELECT min(t.lane) FROM tasks t WHERE t.environment_id = $1 AND t.state = 0 AND t.lane > lanes.lane)
                FROM lanes WHERE lanes.lane IS NOT NULL LIMIT $3)
            SELECT t.id FROM lanes CROSS JOIN tasks t
            WHERE lanes.lane IS NOT NULL AND t.id IN (
                SELECT x.id FROM tasks x WHERE x.environment_id = $1 AND x.state = 0 AND x.lane = lanes.lane
                ORDER BY x.priority, x.run_at, x.id
                LIMIT max(5, $4 / (SELECT count(*) FROM lanes WHERE lane IS NOT NULL)))
            LIMIT $4)
            RETURNING id, organization_id, environment_id, lane, kind, payload, request_id, claims, run_at, created_at",
        postgres: "WITH RECURSIVE lanes (lane) AS (
                SELECT (SELECT min(lane) FROM tasks WHERE environment_id = $1 AND state = 0 AND lane > $2)
                UNION ALL
                SELECT (SELECT min(t.lane) FROM tasks t WHERE t.environment_id = $1 AND t.state = 0 AND t.lane > lanes.lane)
                FROM lanes WHERE lanes.lane IS NOT NULL),
            few AS (SELECT lane FROM lanes WHERE lane IS NOT NULL LIMIT $3::int8),
            chosen AS MATERIALIZED (
                SELECT picked.id FROM few CROSS JOIN LATERAL (
                    SELECT x.id FROM tasks x WHERE x.environment_id = $1 AND x.state = 0 AND x.lane = few.lane
                    ORDER BY x.priority, x.run_at, x.id
                    LIMIT greatest(5, $4::int8 / (SELECT count(*) FROM few)) FOR UPDATE SKIP LOCKED) AS picked
                LIMIT $4::int8)
            UPDATE tasks SET state = 2, lease_holder = $5, lease_until = $6, claims = claims + 1
            FROM chosen WHERE tasks.id = chosen.id
            RETURNING tasks.id, organization_id, environment_id, lane, kind, payload, request_id, claims, run_at, created_at",
    };
    /// What is due, and what was held until its expiry.
    PROMOTE = "UPDATE tasks SET state = 0 WHERE id IN (
        SELECT id FROM tasks WHERE state IN (1, 3) AND run_at <= $1 ORDER BY run_at, id LIMIT 1000 {skip_locked})";
    NEXT_DUE = "SELECT min(run_at) FROM tasks WHERE state IN (1, 3)";
    RECLAIM = "UPDATE tasks SET state = 0, lease_holder = NULL, lease_until = NULL WHERE id IN (
        SELECT id FROM tasks WHERE state = 2 AND lease_until <= $1 ORDER BY lease_until LIMIT 1000 {skip_locked})";
    RENEW = "UPDATE tasks SET lease_until = $2 WHERE state = 2 AND lease_holder = $1 AND id {in:$3}";
    /// Holder and count are the fence. Without a word about the state no partial index fits, and the row is found by id.
    COMPLETE = {
        many
        sqlite: "DELETE FROM tasks WHERE id = $1 AND lease_holder = $2 AND claims = $3",
        postgres: "DELETE FROM tasks USING unnest($1::text[], $2::text[], $3::int8[]) AS done (id, holder, claims)
            WHERE tasks.id = done.id AND tasks.lease_holder = done.holder AND tasks.claims = done.claims",
    };
    RESCHEDULE = "UPDATE tasks SET state = $4, run_at = $5, hold = $6, payload = $7, claims = 0,
        lease_holder = NULL, lease_until = NULL WHERE id = $1 AND lease_holder = $2 AND claims = $3";
    /// The claim still counts: a provider may have been called, and whoever comes next has to say so.
    GIVE_BACK = "UPDATE tasks SET state = 0, lease_holder = NULL, lease_until = NULL
        WHERE state = 2 AND lease_holder = $1 AND id {in:$2}";
    HURRY = "UPDATE tasks SET state = 0, run_at = $2 WHERE id = $1 AND state = 1";
    REMOVE = "DELETE FROM tasks WHERE id = $1 AND state IN (0, 1, 3)";
    RELEASE_HELD = "UPDATE tasks SET state = 0, run_at = $2, hold = NULL WHERE state = 3 AND hold = $1";
    DEPTH = "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state = 0 LIMIT 100000) AS ready";
}

/// A task to be stored.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// The narrowest thing that is paced: a destination, a workspace, an integration.
    pub lane: String,
    /// What it is, with its version: `PlanV1`.
    pub kind: &'static str,
    /// What it is about, as JSON.
    pub payload: String,
    /// When it is due.
    pub run_at: Time,
    /// An id of its own, or one that makes it unique, such as a job's.
    pub id: Id,
}

/// A claimed task.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// Where it works.
    pub environment_id: Id,
    /// Its lane.
    pub lane: String,
    /// What it is, with its version.
    pub kind: String,
    /// What it is about, as JSON.
    pub payload: String,
    /// The request that caused it.
    pub request_id: String,
    /// How often it was claimed since it was last scheduled: above one when a holder died with it.
    pub claims: i64,
    /// When it was due.
    pub run_at: Time,
    /// When it was stored.
    pub created_at: Time,
}

impl FromRow for Task {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            organization_id: c.id()?,
            environment_id: c.id()?,
            lane: c.text()?,
            kind: c.text()?,
            payload: c.text()?,
            request_id: c.text()?,
            claims: c.int()?,
            run_at: c.time()?,
            created_at: c.time()?,
        })
    }
}

impl Task {
    /// The context in which the task works.
    pub fn ctx(&self) -> Ctx {
        Ctx::system(self.organization_id, self.environment_id, &self.request_id)
    }
}

/// When a task runs again.
#[derive(Clone, Debug)]
pub enum Again {
    /// At this time.
    At(Time),
    /// When the grant is reconnected, or at this time at the latest.
    Held {
        /// The grant.
        grant: Id,
        /// When waiting ends.
        until: Time,
    },
    /// Never by itself: no running version understands it.
    Parked,
}

struct Single<T>(T);

impl FromRow for Single<Id> {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

impl FromRow for Single<Option<i64>> {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.opt_int().map(Self)
    }
}

impl Store {
    /// Adds a task; one with an id that is there already is not added twice.
    pub fn enqueue(&self, batch: &mut Batch, ctx: &Ctx, task: NewTask) {
        let now = self.now();
        let state = if task.run_at <= now { READY } else { SCHEDULED };
        batch.add(
            &INSERT,
            args![
                task.id,
                ctx.organization,
                ctx.environment,
                task.lane,
                0i64,
                state,
                task.run_at,
                task.kind,
                task.payload,
                &ctx.request_id,
                Option::<String>::None,
                Option::<i64>::None,
                0i64,
                now
            ],
        );
        batch.wake_workers();
    }

    /// Adds a task that this process has claimed already: it runs as soon as the batch is committed, without a turn
    /// through the queue. Should the process die, it is claimed like any other.
    pub fn enqueue_claimed(&self, batch: &mut Batch, ctx: &Ctx, task: NewTask) -> Task {
        let now = self.now();
        batch.add(
            &INSERT,
            args![
                task.id,
                ctx.organization,
                ctx.environment,
                &task.lane,
                0i64,
                LEASED,
                task.run_at,
                task.kind,
                &task.payload,
                &ctx.request_id,
                self.node.holder(),
                now.plus(LEASE),
                1i64,
                now
            ],
        );
        Task {
            id: task.id,
            organization_id: ctx.organization,
            environment_id: ctx.environment,
            lane: task.lane,
            kind: task.kind.to_owned(),
            payload: task.payload,
            request_id: ctx.request_id.clone(),
            claims: 1,
            run_at: task.run_at,
            created_at: now,
        }
    }

    /// The environments that have ready tasks.
    pub async fn environments_with_work(&self) -> Result<Vec<Id>, StoreError> {
        let rows = self.db.all::<Single<Id>>(&READY_ENVIRONMENTS, args![]).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Claims at most `budget` tasks of an environment from the `lanes` lanes after `after`.
    pub async fn claim(
        &self,
        environment: Id,
        after: &str,
        lanes: usize,
        budget: usize,
    ) -> Result<Vec<Task>, StoreError> {
        let mut batch = Batch::new();
        batch.may_be_lost();
        let until = self.now().plus(LEASE);
        batch.add(
            &CLAIM,
            args![environment, after, lanes, budget, self.node.holder(), until],
        );
        let mut done = self.db.commit(batch).await?;
        let rows = done.rows.pop().unwrap_or_default();
        rows.into_iter().map(|row| Task::from_row(&mut row.columns())).collect()
    }

    /// Makes ready what is due or whose holder is gone; whether there was any.
    pub async fn promote_tasks(&self) -> Result<bool, StoreError> {
        let mut batch = Batch::background();
        batch.may_be_lost();
        let now = self.now();
        batch.add(&PROMOTE, args![now]);
        batch.add(&RECLAIM, args![now]);
        let done = self.db.commit(batch).await?;
        Ok(done.changed.iter().any(|changed| *changed > 0))
    }

    /// Takes back all leases of a process that is certainly gone: on a database that only one process opens. The intent
    /// of an exchange stays until its own end, because a vendor may still be at work on the call.
    pub async fn reclaim_all(&self) -> Result<(), StoreError> {
        self.node.succeed().await?;
        let mut batch = Batch::new();
        batch.add(&RECLAIM, args![Time::MAX]);
        loop {
            let mut next = Batch::new();
            std::mem::swap(&mut next, &mut batch);
            let done = self.db.commit(next).await?;
            if done.changed.first().is_none_or(|changed| *changed == 0) {
                return Ok(());
            }
            batch.add(&RECLAIM, args![Time::MAX]);
        }
    }

    /// When the next scheduled task is due.
    pub async fn next_due(&self) -> Result<Option<Time>, StoreError> {
        let row = self.db.first::<Single<Option<i64>>>(&NEXT_DUE, args![]).await?;
        Ok(row.and_then(|row| row.0).map(Time::from_millis))
    }

    /// Keeps these tasks for another lease.
    pub async fn renew_tasks(&self, ids: Vec<Id>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.may_be_lost();
        batch.add(&RENEW, args![self.node.holder(), self.now().plus(LEASE), ids]);
        self.db.commit(batch).await.map(|_| ())
    }

    /// Adds the end of a task to the batch of what it did; the commit fails with [`LEASE_LOST`] when the task belongs to
    /// somebody else by now.
    pub fn complete_task(&self, batch: &mut Batch, task: &Task) {
        batch.expect(&COMPLETE, args![task.id, self.node.holder(), task.claims], LEASE_LOST);
    }

    /// Adds another turn of a task, with this payload, to the batch; fails as [`Store::complete_task`] does.
    pub fn reschedule_task(&self, batch: &mut Batch, task: &Task, again: &Again, payload: &str) {
        let now = self.now();
        let (state, run_at, hold) = match again {
            Again::At(at) if *at <= now => (READY, *at, None),
            Again::At(at) => (SCHEDULED, *at, None),
            Again::Held { grant, until } => (HELD, *until, Some(*grant)),
            Again::Parked => (PARKED, Time::MAX, None),
        };
        batch.expect(
            &RESCHEDULE,
            args![task.id, self.node.holder(), task.claims, state, run_at, hold, payload],
            LEASE_LOST,
        );
        batch.wake_workers();
    }

    /// Gives back tasks that were claimed and not finished.
    pub async fn give_back(&self, ids: Vec<Id>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.add(&GIVE_BACK, args![self.node.holder(), ids]);
        batch.wake_workers();
        self.db.commit(batch).await.map(|_| ())
    }

    /// Makes a task that is scheduled for later due now.
    pub fn hurry_task(&self, batch: &mut Batch, id: Id) {
        batch.add(&HURRY, args![id, self.now()]);
        batch.wake_workers();
    }

    /// Adds the removal of a task that nobody works on.
    #[expect(clippy::unused_self, reason = "a change of the store like the others")]
    pub fn remove_task(&self, batch: &mut Batch, id: Id) {
        batch.add(&REMOVE, args![id]);
    }

    /// Adds the release of all tasks that wait for this grant.
    pub fn release_held(&self, batch: &mut Batch, grant: Id) {
        batch.add(&RELEASE_HELD, args![grant, self.now()]);
        batch.wake_workers();
    }

    /// How many tasks are ready, counted up to 100,000.
    pub async fn ready_tasks(&self) -> Result<i64, StoreError> {
        let row = self.db.first::<Single<Option<i64>>>(&DEPTH, args![]).await?;
        Ok(row.and_then(|row| row.0).unwrap_or(0))
    }
}
