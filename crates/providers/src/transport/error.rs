//! Why a call brought no answer, told apart by the only thing that matters for a retry: may it have been sent?

use super::BlockReason;

/// A call without an answer. None of the texts holds an address, which could carry a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The guard refused the address; nothing was sent.
    #[error("the address is blocked: {0}")]
    Blocked(BlockReason),
    /// The name could not be resolved, the connection or its TLS could not be made, or the request could not be
    /// built: certainly not sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The connection was lost or the time ran out after the request may have left.
    #[error("no answer, although the request may have been received: {0}")]
    Unknown(String),
}
