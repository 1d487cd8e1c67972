//! Placeholder.
/// The engine.
#[derive(Clone)]
pub struct Engine;
