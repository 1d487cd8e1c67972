//! From an accepted trigger to a call at the provider, on both engines.

mod delivery;
mod grants;
mod outbox;
mod planning;
mod processes;
mod retries;
mod steps;
mod world;
