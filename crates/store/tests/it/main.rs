//! Storage on both engines.

mod pages;
mod statements;
mod tasks;
mod writes;
