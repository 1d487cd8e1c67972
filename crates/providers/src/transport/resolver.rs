//! Name resolution that drops refused addresses, so that the connector can only dial what the guard saw.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{BlockReason, guard::Guard};

/// Carries the guard's reason through the HTTP client's errors.
#[derive(Debug, thiserror::Error)]
#[error("the address is blocked: {0}")]
pub(super) struct Refused(pub(super) BlockReason);

#[derive(Debug)]
pub(super) struct GuardedResolver(pub(super) Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = admitted(&guard, name.as_str()).await?;
            Ok::<Addrs, _>(Box::new(addresses.into_iter()))
        })
    }
}

/// The addresses of `host` that may be reached; an error when there are none, or only refused ones.
pub(super) async fn admitted(
    guard: &Guard,
    host: &str,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let mut refused = None;
    let mut addresses = Vec::new();
    for address in tokio::net::lookup_host((host, 0)).await? {
        match guard.check_address(host, address.ip()) {
            Ok(()) => addresses.push(address),
            Err(reason) => refused = Some(reason),
        }
    }
    match refused {
        Some(reason) if addresses.is_empty() => Err(Box::new(Refused(reason))),
        _ => Ok(addresses),
    }
}
