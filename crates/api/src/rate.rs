//! Rate limits, off unless they are switched on (api.md 1.5): a token bucket for each environment and category.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    use std::time::Duration;

    use super::*;

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
