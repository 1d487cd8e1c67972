//! The real binary, from outside.

mod commands;
mod crash;
mod rates;
mod refusals;
mod server;
