//! Routes under `/v2`.

pub(crate) mod subscribers;
