//! The API over real stores, through its router.

mod permissions;
