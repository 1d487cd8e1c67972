//! Routes under `/v2`.

pub(crate) mod contexts;
pub(crate) mod environments;
pub(crate) mod layouts;
pub(crate) mod subscribers;
pub(crate) mod topics;
pub(crate) mod translations;
pub(crate) mod workflows;
