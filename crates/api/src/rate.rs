//! Rate limits, off unless they are switched on (api.md 1.5): a token bucket for each environment and category.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campanile_model::{Error, Id, Result, Time};

use crate::route::Category;

const WINDOW_SECONDS: i64 = 5;

/// Calls a second in each category; the reference's unlimited tier.
const fn limit(category: Category) -> i64 {
    match category {
        Category::Trigger => 6000,
        Category::Configuration => 2000,
        Category::Global => 3000,
    }
}

/// What the answer tells about the bucket.
pub(crate) struct Standing {
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    pub(crate) reset: i64,
    pub(crate) policy: String,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// In thousandths of a token.
    tokens: i64,
    at: Time,
}

/// Failed calls of one address that are answered as what they are, at once.
const FAILURES: i64 = 30;
/// After so many seconds one more is.
pub(crate) const FAILURES_SECONDS: u64 = 2;
/// Addresses that are remembered.
const ADDRESSES: u64 = 50_000;

/// Counts failed calls to public routes by their address, whether rate limits are on or not.
pub(crate) struct Failures {
    /// When the address's bucket was, or will be, full again.
    addresses: moka::sync::Cache<String, Arc<Mutex<Time>>>,
}

impl Default for Failures {
    fn default() -> Self {
        let step = Duration::from_secs(FAILURES_SECONDS);
        let memory = step * u32::try_from(FAILURES).unwrap_or(1);
        Self {
            addresses: moka::sync::Cache::builder()
                .max_capacity(ADDRESSES)
                .time_to_idle(memory)
                .build(),
        }
    }
}

impl Failures {
    /// Counts a failure; false when the address has had its share.
    pub(crate) fn admits(&self, address: Option<&str>, now: Time) -> bool {
        let step = Duration::from_secs(FAILURES_SECONDS);
        let full = self
            .addresses
            .get_with(address.unwrap_or_default().to_owned(), || Arc::new(Mutex::new(now)));
        let mut full = full.lock().unwrap_or_else(PoisonError::into_inner);
        let next = now.max(*full).plus(step);
        let admitted = now.until(next) <= step * u32::try_from(FAILURES).unwrap_or(1);
        if admitted {
            *full = next;
        }
        admitted
    }
}

/// The buckets of this node.
#[derive(Default)]
pub(crate) struct Limiter {
    buckets: Mutex<HashMap<(Id, Category), Bucket>>,
}

impl Limiter {
    /// Takes `cost` tokens, or refuses; how the bucket stands is told in both cases.
    pub(crate) fn take(&self, environment: Id, category: Category, cost: u32, now: Time) -> (Standing, Result<()>) {
        let window = limit(category) * WINDOW_SECONDS;
        let burst = window * 11 / 10;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((environment, category)).or_insert(Bucket {
            tokens: burst * 1000,
            at: now,
        });
        let passed = (now.millis() - bucket.at.millis()).clamp(0, WINDOW_SECONDS * 2000);
        bucket.tokens = (bucket.tokens + passed * limit(category)).min(burst * 1000);
        bucket.at = now;
        let cost = i64::from(cost) * 1000;
        let missing = cost - bucket.tokens;
        let taken = if missing > 0 {
            let seconds = (missing / (limit(category) * 1000)).max(0) + 1;
            Err(Error::too_many(u64::try_from(seconds).unwrap_or(1)))
        } else {
            bucket.tokens -= cost;
            Ok(())
        };
        let standing = Standing {
            limit: window,
            remaining: bucket.tokens / 1000,
            reset: (burst * 1000 - bucket.tokens) / (limit(category) * 1000) + 1,
            policy: format!(
                "{window};w={WINDOW_SECONDS};burst={burst};comment=\"token bucket\";category=\"{}\";cost=\"{}\";serviceLevel=\"unlimited\"",
                category.wire(),
                if cost > 1000 { "bulk" } else { "single" },
            ),
        };
        (standing, taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_fails_thirty_times_and_then_every_two_seconds() {
        let failures = Failures::default();
        let now = Time::from_millis(1_000_000);
        let admitted = (0..100).filter(|_| failures.admits(Some("10.0.0.1"), now)).count();
        assert_eq!(admitted, 30);
        assert!(failures.admits(Some("10.0.0.2"), now));
        assert!(!failures.admits(Some("10.0.0.1"), now.plus(Duration::from_secs(1))));
        assert!(failures.admits(Some("10.0.0.1"), now.plus(Duration::from_secs(2))));
        assert!(!failures.admits(Some("10.0.0.1"), now.plus(Duration::from_secs(2))));
    }

    #[test]
    fn a_bucket_runs_dry_and_fills_again() {
        let limiter = Limiter::default();
        let id: Id = "6615943e7ace93b0540ae377".parse().unwrap();
        let now = Time::from_millis(1_000_000);
        let take = |cost, now| limiter.take(id, Category::Configuration, cost, now);
        assert_eq!(take(1, now).0.remaining, 10_999);
        for _ in 0..109 {
            take(100, now).1.unwrap();
        }
        take(99, now).1.unwrap();
        let (standing, refused) = take(1, now);
        assert_eq!(standing.remaining, 0);
        assert_eq!(refused.err().and_then(|error| error.retry_after_seconds()), Some(1));
        assert!(take(100, now.plus(Duration::from_secs(1))).1.is_ok());
    }
}
