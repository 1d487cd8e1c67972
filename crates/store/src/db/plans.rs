//! How SQLite would run the statements of lists, which are put together from their filters. For tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Columns, Db, Engine, FromRow, StoreError, Val};

/// The statements that were run while somebody watched, each once, with the values of one time.
#[derive(Clone, Default)]
pub(super) struct Watched(Arc<Mutex<Option<BTreeMap<String, Vec<Val>>>>>);

impl Watched {
    pub(super) fn note(&self, text: &str, values: &[Val]) {
        if let Some(noted) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            noted.entry(text.to_owned()).or_insert_with(|| values.to_vec());
        }
    }
}

/// The plan of one statement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The statement, before it is spelled for an engine.
    pub text: String,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub id: i64,
    /// The step that it is a part of; none is 0.
    pub parent: i64,
    /// What it does, in SQLite's words.
    pub detail: String,
}

impl FromRow for Step {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (id, parent, _) = (c.int()?, c.int()?, c.int()?);
        Ok(Self {
            id,
            parent,
            detail: c.text()?,
        })
    }
}

impl Db {
    /// From now on the statements of lists are noted.
    pub fn watch(&self) {
        *self.watched.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(BTreeMap::new());
    }

    /// The plans of what was noted since [`Db::watch`]; nothing on PostgreSQL, whose plans follow its statistics.
    pub async fn plans(&self) -> Result<Vec<Plan>, StoreError> {
        let noted = self.watched.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut plans = Vec::new();
        if matches!(self.engine, Engine::Sqlite(_)) {
            for (text, values) in noted.unwrap_or_default() {
                let steps = self.all_of(&format!("EXPLAIN QUERY PLAN {text}"), values).await?;
                plans.push(Plan { text, steps });
            }
        }
        Ok(plans)
    }
}
