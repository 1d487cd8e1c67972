//! Step types: one module each.

pub(crate) mod chat;
