//! Name resolution that drops refused addresses, so that the connector can only dial what the guard saw.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{BlockReason, guard::Guard};

/// Carries the guard's reason through the HTTP client's errors.
#[derive(Debug, thiserror::Error)]
#[error("the address is blocked: {0}")]
pub(super) struct Refused(pub(super) BlockReason);

/// Tells the addresses of a name, in place of the system.
pub type Lookup = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

/// Where names get their addresses: from the system, or from what stands in for it.
#[derive(Clone, Default)]
pub(super) struct Names(pub(super) Option<Lookup>);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Lookup" } else { "System" })
    }
}

impl Names {
    async fn addresses(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Some(lookup) => Ok(lookup(host).into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()),
            None => Ok(tokio::net::lookup_host((host, 0)).await?.collect()),
        }
    }
}

#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) guard: Arc<Guard>,
    pub(super) names: Names,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, names) = (Arc::clone(&self.guard), self.names.clone());
        Box::pin(async move {
            let addresses = admitted(&guard, &names, name.as_str()).await?;
            Ok::<Addrs, _>(Box::new(addresses.into_iter()))
        })
    }
}

/// The addresses of `host` that may be reached; an error when there are none, or only refused ones.
pub(super) async fn admitted(
    guard: &Guard,
    names: &Names,
    host: &str,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let mut refused = None;
    let mut addresses = Vec::new();
    for address in names.addresses(host).await? {
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
