//! Writes as data: a batch is a list of statements that all happen or none.
//!
//! No transaction is ever held across an await, so no slow caller blocks a writer, and many batches share one commit.

use super::sql::Sql;
use super::value::{Row, Val};
use crate::rehearsal::Rehearsed;

/// What a batch is for: callers that wait for an answer go before background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Urgency {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Workers.
    Background,
}

/// A list of statements that all happen or none.
#[derive(Default)]
pub struct Batch {
    pub(crate) statements: Vec<Statement>,
    pub(crate) urgency: Urgency,
    pub(crate) wakes_workers: bool,
    pub(crate) changes_configuration: bool,
    pub(crate) may_be_lost: bool,
    /// Where rows go instead, when nothing is to be written.
    pub(crate) rehearsed: Option<Box<Rehearsed>>,
}

pub(crate) struct Statement {
    pub(crate) sql: &'static Sql,
    pub(crate) rows: Vec<Vec<Val>>,
    /// What to call it when another number of rows than given was changed; nothing when any number is fine.
    pub(crate) conflict: Option<&'static str>,
}

impl Batch {
    /// An empty batch that somebody waits for.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch of background work.
    pub fn background() -> Self {
        Self {
            urgency: Urgency::Background,
            ..Self::default()
        }
    }

    /// A batch that gathers the rows of notifications instead of writing anything.
    pub fn rehearsal() -> Self {
        Self {
            rehearsed: Some(Box::default()),
            ..Self::default()
        }
    }

    /// Whether nothing of it will be written.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsed.is_some()
    }

    /// The rows that a rehearsal gathered.
    pub fn into_rehearsed(self) -> Rehearsed {
        self.rehearsed.map(|rows| *rows).unwrap_or_default()
    }

    /// A crash may undo this batch, such as a claim: then the commit does not wait for the disk.
    pub(crate) fn may_be_lost(&mut self) -> &mut Self {
        self.may_be_lost = true;
        self
    }

    /// Adds a statement that may change any number of rows.
    pub(crate) fn add(&mut self, sql: &'static Sql, row: Vec<Val>) -> &mut Self {
        self.push(sql, row, None)
    }

    /// Adds a statement that must change exactly one row; otherwise the whole batch is undone and the commit fails
    /// with [`super::StoreError::Conflict`] of this name.
    pub(crate) fn expect(&mut self, sql: &'static Sql, row: Vec<Val>, conflict: &'static str) -> &mut Self {
        self.push(sql, row, Some(conflict))
    }

    fn push(&mut self, sql: &'static Sql, row: Vec<Val>, conflict: Option<&'static str>) -> &mut Self {
        if self.rehearsed.is_some() {
            return self;
        }
        // Rows of one insert that follow one another travel together.
        if let Some(last) = self.statements.last_mut()
            && sql.takes_columns()
            && std::ptr::eq(last.sql, sql)
            && last.conflict == conflict
        {
            last.rows.push(row);
            return self;
        }
        self.statements.push(Statement {
            sql,
            rows: vec![row],
            conflict,
        });
        self
    }

    /// Tells workers after the commit that there is something to do.
    pub(crate) fn wake_workers(&mut self) {
        self.wakes_workers = true;
    }

    /// Tells all nodes after the commit that cached configuration is old.
    pub(crate) fn change_configuration(&mut self) {
        self.changes_configuration = true;
    }

    /// Appends all statements of another batch.
    pub fn append(&mut self, mut other: Self) {
        self.statements.append(&mut other.statements);
        self.wakes_workers |= other.wakes_workers;
        self.changes_configuration |= other.changes_configuration;
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Whether some statement may announce a change, however it is written.
    pub(crate) fn announces(&self) -> bool {
        self.statements.iter().any(|statement| statement.sql.announces())
    }

    pub(crate) fn weight(&self) -> usize {
        self.statements
            .iter()
            .flat_map(|statement| &statement.rows)
            .flatten()
            .map(Val::weight)
            .sum()
    }

    /// Whether two batches are the same list of statements, so that their rows can travel together.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        self.statements.len() == other.statements.len()
            && self
                .statements
                .iter()
                .zip(&other.statements)
                .all(|(a, b)| std::ptr::eq(a.sql, b.sql))
    }
}

/// What a batch did, statement by statement.
#[derive(Debug, Default)]
pub struct Done {
    /// Rows changed by each statement; zero where rows of many batches travelled together.
    pub changed: Vec<u64>,
    /// Rows returned by each statement.
    pub rows: Vec<Vec<Row>>,
}
