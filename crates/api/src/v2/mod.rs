//! Routes under `/v2`.

pub(crate) mod subscribers;
pub(crate) mod workflows;
