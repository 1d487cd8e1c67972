//! What can go wrong with the database, by what can be done about it.

use campanile_model::Error;

/// An error of the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique index or an expectation of the batch was violated; nothing was written. Holds its name.
    #[error("conflict with {0}")]
    Conflict(String),
    /// Too much is waiting already, or the engine asks to try again.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// A stored row makes no sense.
    #[error("a stored row is damaged: {0}")]
    Corrupt(String),
    /// The engine or the connection failed.
    #[error("the database failed: {0}")]
    Driver(String),
}

impl StoreError {
    /// Whether this is a conflict of this name.
    pub fn is_conflict(&self, name: &str) -> bool {
        matches!(self, Self::Conflict(conflict) if conflict == name)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::unavailable("The database is busy. Please try again in a moment.", 1),
            StoreError::Conflict(name) => Self::internal(format!("unexpected conflict with {name}")),
            StoreError::Corrupt(_) | StoreError::Driver(_) => Self::internal(error),
        }
    }
}
