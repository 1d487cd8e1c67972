//! Connections over a real store, with real HTTP to fakes.

mod app_tokens;
mod destinations;
mod health;
mod oauth;
mod rotation;
