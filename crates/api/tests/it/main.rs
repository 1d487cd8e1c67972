//! The API over real stores, through its router.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod connect_page;
mod customers_addresses;
mod permissions;
mod sessions;
