//! Events: triggers.

pub(crate) mod trigger;
