//! The one guarded door out of the process: every outgoing HTTP call passes [`Transport::send`].

mod allowed;
mod client;
mod error;
mod guard;
mod request;
mod resolver;
mod response;

pub use allowed::{AllowedHost, InvalidAllowedHost};
pub use client::{Setup, Transport, TransportConfig};
pub use error::TransportError;
pub use guard::{AddressKind, BlockReason, is_loopback_url};
pub use request::{Request, Secretish};
pub use resolver::Lookup;
pub use response::Response;

/// Who chose the address of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The vendor's own address, or one that the operator configured: not guarded.
    Operator,
    /// An address that came through the API: guarded against reaching inside.
    Customer,
}
