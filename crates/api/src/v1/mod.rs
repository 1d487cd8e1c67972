//! Routes under `/v1`.

pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod subscribers;
