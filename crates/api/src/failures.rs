//! Failed calls to routes that anybody may call are limited for each address: guessing does not pay. Calls that succeed
//! cost nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use campanile_model::{Error, Result};

/// So many failures are forgiven…
const FORGIVEN: u32 = 100;
/// …from the first one on for so long.
const WINDOW: Duration = Duration::from_mins(1);

/// The failures of this node.
pub(crate) struct Failures {
    counts: moka::sync::Cache<IpAddr, Arc<AtomicU32>>,
}

impl Failures {
    pub(crate) fn new() -> Self {
        Self {
            counts: moka::sync::Cache::builder()
                .max_capacity(20_000)
                .time_to_live(WINDOW)
                .build(),
        }
    }

    /// Refuses an address that has failed too often.
    pub(crate) fn check(&self, client: IpAddr) -> Result<()> {
        // Behind a proxy that nobody has named, everybody comes from the same address.
        if client.is_loopback() {
            return Ok(());
        }
        match self.counts.get(&neighbourhood(client)) {
            Some(count) if count.load(Ordering::Relaxed) >= FORGIVEN => Err(Error::too_many(WINDOW.as_secs())),
            _ => Ok(()),
        }
    }

    /// Takes note of a failure.
    pub(crate) fn note(&self, client: IpAddr) {
        let count = self.counts.get_with(neighbourhood(client), Arc::default);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whoever has one address of IPv6 has the 64 bits behind the prefix, too.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_is_refused_for_a_while() {
        let failures = Failures::new();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..FORGIVEN {
            assert!(failures.check(address("192.0.2.1")).is_ok());
            failures.note(address("192.0.2.1"));
            failures.note(address("2001:db8::1"));
            failures.note(address("127.0.0.1"));
        }
        assert_eq!(
            failures
                .check(address("192.0.2.1"))
                .err()
                .and_then(|error| error.retry_after_seconds()),
            Some(60)
        );
        assert!(failures.check(address("192.0.2.2")).is_ok());
        assert!(failures.check(address("127.0.0.1")).is_ok());
        assert!(failures.check(address("2001:db8::ffff")).is_err());
        assert!(failures.check(address("2001:db8:0:1::1")).is_ok());
    }
}
