//! Digest windows: what collects events, and which event is in which window.
//!
//! The row of the window decides. A unique index allows one open window for what belongs together; joining demands that
//! it is open, in the statement that joins; closing takes that away in one statement. So every event is in exactly one
//! window, whoever comes first.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Time};
use ring::digest;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

/// The conflict of deciding by a window that has changed since it was read.
pub const CHANGED: &str = "digest window";

queries! {
    INSERT = {
        insert "digest_windows",
        "environment_id text, id text, workflow_id text, step_id text, subscriber_id text, contexts text, value text, notification_id text, position int, state int, version int, due_at int, created_at int, updated_at int"
    };
    INSERT_MEMBER = {
        insert "digest_members",
        "environment_id text, window_id text, notification_id text, position int, event_id text"
    };
    OPEN = "SELECT id, workflow_id, step_id, subscriber_id, contexts, value, notification_id, position, state, version, due_at
        FROM digest_windows WHERE environment_id = $1 AND workflow_id = $2 AND step_id = $3 AND subscriber_id = $4
            AND contexts = $5 AND value = $6 AND state = 0";
    FIND = "SELECT id, workflow_id, step_id, subscriber_id, contexts, value, notification_id, position, state, version, due_at
        FROM digest_windows WHERE environment_id = $1 AND id = $2";
    MEMBERSHIPS = "SELECT m.notification_id, m.position, w.id, w.workflow_id, w.step_id, w.subscriber_id, w.contexts, w.value,
            w.notification_id, w.position, w.state, w.version, w.due_at
        FROM digest_members m {join_one:digest_windows w ON w.environment_id = m.environment_id AND w.id = m.window_id}
        WHERE m.environment_id = $1 AND m.notification_id {in:$2}";
    /// The oldest event of each window besides the one whose job waits: ids ascend with time.
    OLDEST_FOLLOWERS = "SELECT m.window_id, min(m.notification_id) FROM digest_members m
        {join_one:digest_windows w ON w.environment_id = m.environment_id AND w.id = m.window_id}
        WHERE m.environment_id = $1 AND m.window_id {in:$2} AND m.notification_id <> w.notification_id
        GROUP BY m.window_id";
    EVENTS = "SELECT m.window_id, e.id, e.created_at, e.payload FROM digest_members m
        {join_one:events e ON e.environment_id = m.environment_id AND e.id = m.event_id}
        WHERE m.environment_id = $1 AND m.window_id {in:$2} ORDER BY e.created_at, e.id";
    JOIN = "UPDATE digest_windows SET version = version + 1, updated_at = $3
        WHERE environment_id = $1 AND id = $2 AND state = 0";
    CLOSE = "UPDATE digest_windows SET state = 1, version = version + 1, updated_at = $3
        WHERE environment_id = $1 AND id = $2 AND state = 0";
    END = "UPDATE digest_windows SET state = 2, version = version + 1, updated_at = $4
        WHERE environment_id = $1 AND id = $2 AND version = $3 AND state < 2";
    HAND_OVER = "UPDATE digest_windows SET notification_id = $5, position = $6, version = version + 1, updated_at = $4
        WHERE environment_id = $1 AND id = $2 AND version = $3 AND state < 2";
    EXTEND = "UPDATE digest_windows SET due_at = $5, version = version + 1, updated_at = $4
        WHERE environment_id = $1 AND id = $2 AND version = $3 AND state = 0";
    NOTE = "UPDATE digest_windows SET version = version + 1, updated_at = $4
        WHERE environment_id = $1 AND id = $2 AND version = $3 AND state < 2";
    LEAVE = "DELETE FROM digest_members WHERE environment_id = $1 AND window_id = $2 AND notification_id = $3";
}

/// What belongs together in one digest, or is counted together by a throttle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The workflow.
    pub workflow_id: Id,
    /// The step's identifier in the workflow.
    pub step_id: String,
    /// Our id of the subscriber.
    pub subscriber_id: Id,
    /// What it is about.
    pub contexts: ContextSet,
    /// The value by which events are told apart.
    pub value: String,
}

/// What stands for a value that is too long to be a key.
pub fn hashed(value: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, value.as_bytes()))
}

/// How far a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// Events join it.
    Open,
    /// Its events are settled, its digest has not gone on yet.
    Closed,
    /// Its digest went on, or was canceled with all its events.
    Over,
}

/// A digest window.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its id; its timer has the same one.
    pub id: Id,
    /// What it collects.
    pub group: Group,
    /// The notification whose job waits for it.
    pub notification_id: Id,
    /// The place of that job.
    pub position: i64,
    /// How far it is.
    pub state: WindowState,
    /// Grows with every change.
    pub version: i64,
    /// When it closes.
    pub due_at: Time,
}

impl FromRow for Window {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            group: Group {
                workflow_id: c.id()?,
                step_id: c.text()?,
                subscriber_id: c.id()?,
                contexts: ContextSet::from_stored(&c.text()?),
                value: c.text()?,
            },
            notification_id: c.id()?,
            position: c.int()?,
            state: match c.int()? {
                0 => WindowState::Open,
                1 => WindowState::Closed,
                _ => WindowState::Over,
            },
            version: c.int()?,
            due_at: c.time()?,
        })
    }
}

/// A job that is in a window.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its notification.
    pub notification_id: Id,
    /// Its place.
    pub position: i64,
    /// The window.
    pub window: Window,
}

impl Member {
    /// Whether it is the job that waits for the window.
    pub fn waits(&self) -> bool {
        self.window.notification_id == self.notification_id
    }
}

impl FromRow for Member {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            notification_id: c.id()?,
            position: c.int()?,
            window: Window::from_row(c)?,
        })
    }
}

/// An event in a window.
#[derive(Clone, Debug)]
pub struct DigestedEvent {
    /// The window.
    pub window_id: Id,
    /// The event.
    pub id: Id,
    /// When it was accepted.
    pub created_at: Time,
    /// Its payload, as JSON.
    pub payload: String,
}

impl FromRow for DigestedEvent {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            window_id: c.id()?,
            id: c.id()?,
            created_at: c.time()?,
            payload: c.text()?,
        })
    }
}

struct Follower(Id, Id);

impl FromRow for Follower {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.id()?, c.id()?))
    }
}

impl Store {
    /// Adds an open window with its first event; the commit fails when another one is open for the group.
    pub fn open_digest(&self, batch: &mut Batch, ctx: &Ctx, window: &Window, event: Id) {
        let (group, now) = (&window.group, self.now());
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                window.id,
                group.workflow_id,
                &group.step_id,
                group.subscriber_id,
                group.contexts.stored(),
                &group.value,
                window.notification_id,
                window.position,
                0i64,
                window.version,
                window.due_at,
                now,
                now
            ],
        );
        self.insert_member(batch, ctx, window.id, window.notification_id, window.position, event);
    }

    /// Adds an event to a window; the commit fails with [`CHANGED`] when it is not open any more.
    pub fn join_digest(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        window: Id,
        (notification, position): (Id, i64),
        event: Id,
    ) {
        batch.expect(&JOIN, args![ctx.environment, window, self.now()], CHANGED);
        self.insert_member(batch, ctx, window, notification, position, event);
    }

    #[expect(clippy::unused_self, reason = "a change of the store like the others")]
    fn insert_member(&self, batch: &mut Batch, ctx: &Ctx, window: Id, notification: Id, position: i64, event: Id) {
        batch.add(
            &INSERT_MEMBER,
            args![ctx.environment, window, notification, position, event],
        );
    }

    /// Adds the closing of a window: from its commit on nothing joins it.
    pub fn close_digest(&self, batch: &mut Batch, ctx: &Ctx, window: Id) {
        batch.expect(&CLOSE, args![ctx.environment, window, self.now()], CHANGED);
    }

    /// Adds the end of a window as it was read.
    pub fn end_digest(&self, batch: &mut Batch, ctx: &Ctx, window: &Window) {
        batch.expect(
            &END,
            args![ctx.environment, window.id, window.version, self.now()],
            CHANGED,
        );
    }

    /// Makes another of its jobs the one that waits for the window, which keeps its deadline.
    pub fn hand_over_digest(&self, batch: &mut Batch, ctx: &Ctx, window: &Window, (notification, position): (Id, i64)) {
        batch.expect(
            &HAND_OVER,
            args![
                ctx.environment,
                window.id,
                window.version,
                self.now(),
                notification,
                position
            ],
            CHANGED,
        );
    }

    /// Moves the deadline of an open window.
    pub fn extend_digest(&self, batch: &mut Batch, ctx: &Ctx, window: &Window, due_at: Time) {
        batch.expect(
            &EXTEND,
            args![ctx.environment, window.id, window.version, self.now(), due_at],
            CHANGED,
        );
    }

    /// Takes an event that only followed out of a window as it was read.
    pub fn leave_digest(&self, batch: &mut Batch, ctx: &Ctx, member: &Member) {
        let window = &member.window;
        batch.expect(
            &NOTE,
            args![ctx.environment, window.id, window.version, self.now()],
            CHANGED,
        );
        self.remove_member(batch, ctx, member);
    }

    /// Removes an event from its window, in a batch that changes the window as well.
    #[expect(clippy::unused_self, reason = "a change of the store like the others")]
    pub fn remove_member(&self, batch: &mut Batch, ctx: &Ctx, member: &Member) {
        let row = args![ctx.environment, member.window.id, member.notification_id];
        batch.expect(&LEAVE, row, CHANGED);
    }

    /// The window that is open for a group.
    pub async fn open_window(&self, ctx: &Ctx, group: &Group) -> Result<Option<Window>, StoreError> {
        self.db
            .first(
                &OPEN,
                args![
                    ctx.environment,
                    group.workflow_id,
                    &group.step_id,
                    group.subscriber_id,
                    group.contexts.stored(),
                    &group.value
                ],
            )
            .await
    }

    /// The window with this id.
    pub async fn digest_window(&self, ctx: &Ctx, id: Id) -> Result<Option<Window>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, id]).await
    }

    /// The jobs of these notifications that are in windows, and the windows.
    pub async fn digest_members(&self, ctx: &Ctx, notifications: Vec<Id>) -> Result<Vec<Member>, StoreError> {
        if notifications.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&MEMBERSHIPS, args![ctx.environment, notifications]).await
    }

    /// Of each window that has one, the oldest notification besides the one whose job waits.
    pub async fn oldest_followers(&self, ctx: &Ctx, windows: Vec<Id>) -> Result<Vec<(Id, Id)>, StoreError> {
        if windows.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .db
            .all::<Follower>(&OLDEST_FOLLOWERS, args![ctx.environment, windows])
            .await?;
        Ok(rows.into_iter().map(|Follower(window, one)| (window, one)).collect())
    }

    /// The events of these windows, oldest first.
    pub async fn digested_events(&self, ctx: &Ctx, windows: Vec<Id>) -> Result<Vec<DigestedEvent>, StoreError> {
        if windows.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&EVENTS, args![ctx.environment, windows]).await
    }
}
