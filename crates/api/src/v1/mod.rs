//! Routes under `/v1`.

pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod integrations;
pub(crate) mod subscribers;
