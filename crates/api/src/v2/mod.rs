//! Routes under `/v2`.

pub(crate) mod contexts;
pub(crate) mod subscribers;
pub(crate) mod topics;
pub(crate) mod workflows;
