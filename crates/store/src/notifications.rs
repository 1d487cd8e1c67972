//! Notifications (one event for one subscriber) and their jobs (one step each).

use campanile_model::channel::{JobReason, JobStatus, Severity};
use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, StepType, Time};
use serde_json::{Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::page::{List, Listed};
use crate::tasks::NewTask;
use crate::{Store, args, queries};

/// The conflict of planning an event twice for one subscriber.
pub const PLANNED: &str = "notifications_event";
/// The conflict of changing a job that somebody else has changed since it was read.
pub const JOB_CHANGED: &str = "job";

queries! {
    INSERT = {
        insert "notifications",
        "environment_id text, id text, event_id text, transaction_id text, workflow_id text, subscriber_id text, recipient text, contexts text, channels text, tags text, severity text, critical bool, topics text, created_at int, updated_at int, finished_at int"
    };
    INSERT_JOB = {
        insert "jobs",
        "environment_id text, notification_id text, position int, id text, step_id text, step text, kind text, status text, provider_id text, halts bool, open_first int, open int, sent int, output text, reason text, due_at int, extensions int, created_at int, updated_at int"
    };
    FIND_MANY = "SELECT id, event_id, transaction_id, workflow_id, subscriber_id, recipient, contexts, channels, tags, severity, critical, topics, created_at, updated_at, finished_at
        FROM notifications WHERE environment_id = $1 AND id {in:$2}";
    /// PostgreSQL looks up each of them: with statistics from before the event it would read all that the event has made.
    FOR_WHOM = {
        sqlite: "SELECT subscriber_id FROM notifications
            WHERE environment_id = $1 AND event_id = $2 AND subscriber_id {in:$3}",
        postgres: "SELECT n.subscriber_id FROM unnest($3::text[]) AS one (id)
            {join_one:notifications n ON n.environment_id = $1 AND n.event_id = $2 AND n.subscriber_id = one.id}",
    };
    JOBS = "SELECT notification_id, position, id, step_id, step, kind, status, provider_id, halts, open_first, open, sent, output, reason,
        due_at, extensions, created_at, updated_at FROM jobs
        WHERE environment_id = $1 AND notification_id {in:$2} ORDER BY notification_id, position";
    UPDATE_JOB = "UPDATE jobs SET status = $4, provider_id = $5, open_first = $6, open = $7, sent = 0, output = $8, reason = $9,
        due_at = $10, extensions = $11, updated_at = $12
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3 AND status = $13";
    CANCEL_JOB = "UPDATE jobs SET status = 'canceled', reason = $5, open_first = 0, open = 0, updated_at = $6
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3 AND status = $4";
    PROMOTE_JOB = "UPDATE jobs SET status = 'delayed', due_at = $4, extensions = 0, updated_at = $5
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3 AND status = 'merged'";
    REVIVE_JOBS = "UPDATE jobs SET status = 'pending', updated_at = $4
        WHERE environment_id = $1 AND notification_id = $2 AND position > $3 AND status = 'merged'";
    REVIVE = "UPDATE notifications SET finished_at = NULL, updated_at = $3 WHERE environment_id = $1 AND id = $2";
    /// The notifications of an event in the order of their subscribers.
    OF_EVENT = "SELECT id, event_id, transaction_id, workflow_id, subscriber_id, recipient, contexts, channels, tags, severity, critical, topics, created_at, updated_at, finished_at
        FROM notifications WHERE environment_id = $1 AND event_id = $2 AND subscriber_id > $3
        ORDER BY subscriber_id LIMIT $4";
    /// Whether something of an event waits: for a time, for another attempt, or in a digest that is not over.
    WAITS = "SELECT 1 WHERE EXISTS (SELECT 1 FROM notifications n
        JOIN jobs j ON j.environment_id = n.environment_id AND j.notification_id = n.id
        WHERE n.environment_id = $1 AND n.event_id = $2 AND (j.status = 'delayed'
            OR (j.status = 'merged' AND EXISTS (SELECT 1 FROM digest_members m
                JOIN digest_windows w ON w.environment_id = m.environment_id AND w.id = m.window_id
                WHERE m.environment_id = n.environment_id AND m.notification_id = n.id AND m.position = j.position
                    AND w.state < 2))))";
    /// One delivery of a job has ended an attempt. The job's own counts decide what it is now: waiting for another
    /// attempt, sent, or failed. One that was canceled meanwhile stays so.
    SETTLE_JOB = {
        many
        sqlite: "UPDATE jobs SET sent = sent + $6, updated_at = $7,
            open_first = CASE WHEN status = 'canceled' THEN 0 ELSE open_first - $4 END,
            open = CASE WHEN status = 'canceled' THEN 0 ELSE open - $5 END,
            status = CASE WHEN status = 'canceled' THEN status WHEN open - $5 > 0 THEN 'delayed' WHEN sent + $6 > 0 THEN 'completed' ELSE 'failed' END
            WHERE environment_id = $1 AND notification_id = $2 AND position = $3",
        postgres: "UPDATE jobs SET sent = jobs.sent + made.sent, updated_at = made.at,
            open_first = CASE WHEN status = 'canceled' THEN 0 ELSE open_first - made.first END,
            open = CASE WHEN status = 'canceled' THEN 0 ELSE open - made.ended END,
            status = CASE WHEN status = 'canceled' THEN status WHEN open - made.ended > 0 THEN 'delayed' WHEN jobs.sent + made.sent > 0 THEN 'completed' ELSE 'failed' END
            FROM (SELECT environment_id, notification_id, position, sum(first)::int8 AS first, sum(ended)::int8 AS ended,
                    sum(sent)::int8 AS sent, max(at) AS at
                FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
                    AS one (environment_id, notification_id, position, first, ended, sent, at)
                GROUP BY environment_id, notification_id, position) AS made
            WHERE jobs.environment_id = made.environment_id AND jobs.notification_id = made.notification_id
                AND jobs.position = made.position",
    };
    CALL_OFF_JOB = "UPDATE jobs SET status = 'canceled', reason = $4
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3 AND status = 'failed' AND open = 0";
    /// The next step, once every delivery of this one has ended its first attempt (or has ended, when the step halts).
    RELEASE_NEXT = "INSERT INTO tasks
        (id, organization_id, environment_id, lane, priority, state, run_at, kind, payload, request_id, claims, created_at)
        SELECT $4, $5, $1, $6, 0, 0, $7, $8, $9, $10, 0, $7 FROM jobs
        WHERE environment_id = $1 AND notification_id = $2 AND position = $3
            AND ((open_first = 0 AND NOT halts) OR (open = 0 AND halts))
        ON CONFLICT (id) DO NOTHING";
    FINISH_IF_ENDED = {
        many
        sqlite: "UPDATE notifications SET finished_at = $3, updated_at = $3
            WHERE environment_id = $1 AND id = $2 AND finished_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.environment_id = $1 AND j.notification_id = $2
                    AND j.status IN ('pending', 'queued', 'running', 'delayed'))",
        postgres: "UPDATE notifications SET finished_at = made.at, updated_at = made.at
            FROM (SELECT DISTINCT ON (environment_id, id) environment_id, id, at
                FROM unnest($1::text[], $2::text[], $3::int8[]) AS one (environment_id, id, at)) AS made
            WHERE notifications.environment_id = made.environment_id AND notifications.id = made.id
                AND notifications.finished_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM jobs j
                    WHERE j.environment_id = made.environment_id AND j.notification_id = made.id
                    AND j.status IN ('pending', 'queued', 'running', 'delayed'))",
    };
    CANCEL_REST = "UPDATE jobs SET status = 'canceled', updated_at = $4
        WHERE environment_id = $1 AND notification_id = $2 AND position > $3 AND status = 'pending'";
}

/// A topic through which a notification came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByTopic {
    /// Our id of the topic.
    pub id: Id,
    /// Its key at that time.
    pub key: String,
}

impl ByTopic {
    fn stored(&self) -> String {
        json!([{ "_topicId": self.id, "topicKey": self.key }]).to_string()
    }

    fn from_stored(text: &str) -> Option<Self> {
        let list: Value = serde_json::from_str(text).ok()?;
        let first = list.get(0)?;
        Some(Self {
            id: first.get("_topicId")?.as_str()?.parse().ok()?,
            key: first.get("topicKey")?.as_str()?.to_owned(),
        })
    }
}

/// One event for one subscriber.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: Id,
    /// The event.
    pub event_id: Id,
    /// The event's name.
    pub transaction_id: String,
    /// The workflow.
    pub workflow_id: Id,
    /// Our id of the subscriber.
    pub subscriber_id: Id,
    /// The caller's id of the subscriber, kept for a subscriber that is gone.
    pub recipient: String,
    /// What it is about.
    pub contexts: ContextSet,
    /// The kinds of its steps.
    pub channels: Vec<String>,
    /// The workflow's tags at that time.
    pub tags: Vec<String>,
    /// How urgent it is shown.
    pub severity: Severity,
    /// Whether it goes out whatever the subscriber chose.
    pub critical: bool,
    /// The topic through which it came; nothing for those who were named.
    pub topic: Option<ByTopic>,
    /// When it was planned.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When its last job ended.
    pub finished_at: Option<Time>,
}

impl FromRow for Notification {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            event_id: c.id()?,
            transaction_id: c.text()?,
            workflow_id: c.id()?,
            subscriber_id: c.id()?,
            recipient: c.text()?,
            contexts: ContextSet::from_stored(&c.text()?),
            channels: c.texts()?,
            tags: c.texts()?,
            severity: c.wire(Severity::parse)?,
            critical: c.bool()?,
            topic: ByTopic::from_stored(&c.text()?),
            created_at: c.time()?,
            updated_at: c.time()?,
            finished_at: c.opt_time()?,
        })
    }
}

struct Whom(Id);

impl FromRow for Whom {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

impl Listed for Notification {
    fn id(&self) -> Id {
        self.id
    }
}

/// One step of a notification.
#[derive(Clone, Debug)]
pub struct Job {
    /// The notification.
    pub notification_id: Id,
    /// Its place: 0 is the synthetic trigger job.
    pub position: i64,
    /// Its id.
    pub id: Id,
    /// The step's identifier in the workflow.
    pub step_id: String,
    /// The step as it was when the notification was planned, for the activity feed.
    pub step: Value,
    /// What it does.
    pub kind: StepType,
    /// How far it is.
    pub status: JobStatus,
    /// The provider of its first message.
    pub provider_id: Option<String>,
    /// Whether its failure stops the notification.
    pub halts: bool,
    /// Deliveries whose first attempt has not ended.
    pub open_first: i64,
    /// Deliveries that have not ended.
    pub open: i64,
    /// Deliveries that went out.
    pub sent: i64,
    /// What it came to, as later steps see it in `steps.<stepId>`.
    pub output: Option<Value>,
    /// Why it did not do its work.
    pub reason: Option<JobReason>,
    /// Until when it waits.
    pub due_at: Option<Time>,
    /// How often its wait was extended to the subscriber's next opening.
    pub extensions: i64,
    /// When it was planned.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl FromRow for Job {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            notification_id: c.id()?,
            position: c.int()?,
            id: c.id()?,
            step_id: c.text()?,
            step: c.json()?,
            kind: c.wire(StepType::parse)?,
            status: c.wire(JobStatus::parse)?,
            provider_id: c.opt_text()?,
            halts: c.bool()?,
            open_first: c.int()?,
            open: c.int()?,
            sent: c.int()?,
            output: c.opt_json()?,
            reason: c.opt_wire(JobReason::parse)?,
            due_at: c.opt_time()?,
            extensions: c.int()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

struct Found;

impl FromRow for Found {
    fn from_row(_: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self)
    }
}

/// What one attempt did to the counts of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// It was the delivery's first attempt.
    pub first: bool,
    /// The delivery has ended.
    pub ended: bool,
    /// It went out.
    pub sent: bool,
}

/// What a list of notifications is narrowed to; empty lists narrow nothing.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Any of these workflows.
    pub workflows: Vec<Id>,
    /// Any of these subscribers; `Some` of an empty list matches none.
    pub subscribers: Option<Vec<Id>>,
    /// Any of these events; `Some` of an empty list matches none.
    pub events: Option<Vec<Id>>,
    /// Through this topic.
    pub topic: Option<ByTopic>,
    /// Any of these kinds of steps.
    pub channels: Vec<String>,
    /// Any of these severities.
    pub severities: Vec<String>,
    /// Exactly this set of contexts.
    pub contexts: Option<ContextSet>,
    /// Planned at this time or later.
    pub after: Option<Time>,
    /// Planned at this time or earlier.
    pub before: Option<Time>,
}

const COLUMNS: &str = "t.id, t.event_id, t.transaction_id, t.workflow_id, t.subscriber_id, t.recipient, t.contexts, \
    t.channels, t.tags, t.severity, t.critical, t.topics, t.created_at, t.updated_at, t.finished_at";

impl Store {
    /// Adds a notification; the commit fails with [`PLANNED`] when the event was planned for the subscriber before.
    pub fn insert_notification(&self, batch: &mut Batch, ctx: &Ctx, notification: &Notification) {
        if let Some(rehearsed) = &mut batch.rehearsed {
            rehearsed.notifications.push(notification.clone());
        }
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                notification.id,
                notification.event_id,
                &notification.transaction_id,
                notification.workflow_id,
                notification.subscriber_id,
                &notification.recipient,
                notification.contexts.stored(),
                Value::from(notification.channels.clone()),
                Value::from(notification.tags.clone()),
                notification.severity.wire(),
                notification.critical,
                notification.topic.as_ref().map(ByTopic::stored).unwrap_or_default(),
                notification.created_at,
                notification.updated_at,
                notification.finished_at
            ],
        );
    }

    /// Adds a job.
    pub fn insert_job(&self, batch: &mut Batch, ctx: &Ctx, job: &Job) {
        if let Some(rehearsed) = &mut batch.rehearsed {
            rehearsed.jobs.push(job.clone());
        }
        batch.add(
            &INSERT_JOB,
            args![
                ctx.environment,
                job.notification_id,
                job.position,
                job.id,
                &job.step_id,
                &job.step,
                job.kind.wire(),
                job.status.wire(),
                job.provider_id.clone(),
                job.halts,
                job.open_first,
                job.open,
                job.sent,
                job.output.clone(),
                job.reason.map(|reason| reason.wire().to_owned()),
                job.due_at,
                job.extensions,
                job.created_at,
                job.updated_at
            ],
        );
    }

    /// Adds what became of a job that stood like `before`; the commit fails with [`JOB_CHANGED`] when it does not any
    /// more, such as after a cancellation.
    pub fn update_job(&self, batch: &mut Batch, ctx: &Ctx, job: &Job, before: JobStatus) {
        batch.expect(
            &UPDATE_JOB,
            args![
                ctx.environment,
                job.notification_id,
                job.position,
                job.status.wire(),
                job.provider_id.clone(),
                job.open_first,
                job.open,
                job.output.clone(),
                job.reason.map(|reason| reason.wire().to_owned()),
                job.due_at,
                job.extensions,
                self.now(),
                before.wire()
            ],
            JOB_CHANGED,
        );
    }

    /// Adds the cancellation of a job as it was read.
    pub fn cancel_job(&self, batch: &mut Batch, ctx: &Ctx, job: &Job, reason: JobReason) {
        let row = args![
            ctx.environment,
            job.notification_id,
            job.position,
            job.status.wire(),
            reason.wire(),
            self.now()
        ];
        batch.expect(&CANCEL_JOB, row, JOB_CHANGED);
    }

    /// Makes a merged job the one that waits, until the same time, and takes up the steps after it again.
    pub fn promote_job(&self, batch: &mut Batch, ctx: &Ctx, job: &Job, due_at: Time) {
        let (environment, notification, now) = (ctx.environment, job.notification_id, self.now());
        batch.expect(
            &PROMOTE_JOB,
            args![environment, notification, job.position, due_at, now],
            JOB_CHANGED,
        );
        batch.add(&REVIVE_JOBS, args![environment, notification, job.position, now]);
        batch.add(&REVIVE, args![environment, notification, now]);
    }

    /// Adds the end of one delivery's attempt to the counts of its job.
    pub fn settle_job(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, settled: Settled) {
        batch.add(
            &SETTLE_JOB,
            args![
                ctx.environment,
                notification,
                position,
                i64::from(settled.first),
                i64::from(settled.ended),
                i64::from(settled.sent),
                self.now()
            ],
        );
    }

    /// A job of which nothing was sent, the last delivery because it was called off, is canceled and has not failed.
    pub fn call_off_job(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, reason: JobReason) {
        let row = args![ctx.environment, notification, position, reason.wire()];
        batch.add(&CALL_OFF_JOB, row);
    }

    /// Adds the next step's task if nothing of this job holds it back any more.
    pub fn release_next(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64, task: NewTask) {
        batch.add(
            &RELEASE_NEXT,
            args![
                ctx.environment,
                notification,
                position,
                task.id,
                ctx.organization,
                task.lane,
                task.run_at,
                task.kind,
                task.payload,
                &ctx.request_id
            ],
        );
        batch.wake_workers();
    }

    /// Adds the end of a notification, if all its jobs have ended.
    pub fn finish_notification(&self, batch: &mut Batch, ctx: &Ctx, notification: Id) {
        batch.add(&FINISH_IF_ENDED, args![ctx.environment, notification, self.now()]);
    }

    /// Adds the cancellation of all jobs after this one.
    pub fn cancel_jobs_after(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64) {
        batch.add(&CANCEL_REST, args![ctx.environment, notification, position, self.now()]);
    }

    /// For whom of these subscribers an event has been planned already.
    pub async fn planned_for(&self, ctx: &Ctx, event: Id, subscribers: Vec<Id>) -> Result<Vec<Id>, StoreError> {
        if subscribers.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<Whom> = self
            .db
            .all(&FOR_WHOM, args![ctx.environment, event, subscribers])
            .await?;
        Ok(found.into_iter().map(|Whom(id)| id).collect())
    }

    /// The notifications with these ids, in no order.
    pub async fn notifications(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<Notification>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_MANY, args![ctx.environment, ids]).await
    }

    /// The notifications of an event whose subscribers come after this one.
    pub async fn notifications_of_event(
        &self,
        ctx: &Ctx,
        event: Id,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<Notification>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.db
            .all(&OF_EVENT, args![ctx.environment, event, after, limit])
            .await
    }

    /// Whether something of an event waits that can be canceled.
    pub async fn event_waits(&self, ctx: &Ctx, event: Id) -> Result<bool, StoreError> {
        let found = self.db.first::<Found>(&WAITS, args![ctx.environment, event]).await?;
        Ok(found.is_some())
    }

    /// The jobs of these notifications, in order.
    pub async fn jobs_of(&self, ctx: &Ctx, notifications: Vec<Id>) -> Result<Vec<Job>, StoreError> {
        if notifications.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&JOBS, args![ctx.environment, notifications]).await
    }

    /// A page of notifications, newest first, and whether there are more.
    pub async fn list_notifications(
        &self,
        ctx: &Ctx,
        filter: &NotificationFilter,
        page: u32,
        limit: u32,
    ) -> Result<(Vec<Notification>, bool), StoreError> {
        let mut list = List::new(ctx, COLUMNS, "notifications");
        if !filter.workflows.is_empty() {
            list.any_of("t.workflow_id", filter.workflows.clone());
        }
        if let Some(subscribers) = &filter.subscribers {
            list.any_of("t.subscriber_id", subscribers.clone());
        }
        if let Some(events) = &filter.events {
            list.any_of("t.event_id", events.clone());
        }
        if let Some(topic) = &filter.topic {
            // The index is of those alone that came through one.
            list.filter("t.topics <> '' AND t.topics = {}", topic.stored());
        }
        if !filter.severities.is_empty() {
            list.any_of("t.severity", filter.severities.clone());
        }
        if let Some(contexts) = &filter.contexts {
            list.filter("t.contexts = {}", contexts.stored());
        }
        if let Some(after) = filter.after {
            list.filter("t.created_at >= {}", after);
        }
        if let Some(before) = filter.before {
            list.filter("t.created_at <= {}", before);
        }
        list.any_word("t.channels", &filter.channels);
        list.offset_page(&self.db, page, limit).await
    }
}
