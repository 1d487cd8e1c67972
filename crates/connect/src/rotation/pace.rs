//! How many exchanges are begun: a few a second for each app, and as many more as a backlog needs to be done in time.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Exchanges a second for one app when there is no hurry.
const CALM: f64 = 3.0;
/// And at the most.
const HURRY: f64 = 50.0;
/// A backlog should be gone within this time.
const DRAIN: Duration = Duration::from_mins(30);
/// Buckets of apps that were not seen for this long are dropped.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// Exchanges a second for `backlog` grants, the tightest of which has `left` until its access token ends: they should all
/// be done in half of that.
pub(super) fn rate(backlog: usize, left: Option<Duration>) -> f64 {
    let drain = left
        .map_or(DRAIN, |left| (left / 2).min(DRAIN))
        .max(Duration::from_secs(1));
    #[expect(clippy::cast_precision_loss, reason = "counted up to 100,000")]
    let needed = backlog as f64 / drain.as_secs_f64();
    needed.clamp(CALM, HURRY)
}

/// A bucket for each app.
#[derive(Default)]
pub(super) struct Paces {
    buckets: HashMap<String, Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Paces {
    /// How many exchanges of an app may begin now, `wanted` at the most.
    pub(super) fn take(&mut self, app: &str, rate: f64, wanted: usize, now: Instant) -> usize {
        self.buckets
            .retain(|_, bucket| now.duration_since(bucket.at) < FORGOTTEN);
        let bucket = self
            .buckets
            .entry(app.to_owned())
            .or_insert(Bucket { tokens: 1.0, at: now });
        let earned = now.duration_since(bucket.at).as_secs_f64() * rate;
        // Time that went by without work is not made up for by more than a second's worth.
        bucket.tokens = (bucket.tokens + earned).min(rate.max(1.0));
        bucket.at = now;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let taken = (bucket.tokens.floor() as usize).min(wanted);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let spent = taken as f64;
        bucket.tokens -= spent;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_grows_with_the_backlog_and_the_hurry() {
        let hours = |hours| Some(Duration::from_hours(hours));
        let near = |rate: f64, expected: f64| assert!((rate - expected).abs() < 0.01, "{rate} {expected}");
        near(rate(10, hours(2)), CALM);
        near(rate(10_000, hours(2)), 5.555);
        near(rate(10_000, None), 5.555);
        near(rate(1000, Some(Duration::from_mins(2))), 16.666);
        near(rate(100_000, Some(Duration::ZERO)), HURRY);
    }

    #[test]
    fn ten_thousand_are_done_before_they_end() {
        // Due two hours before their end, all at once.
        let (mut left, mut seconds) = (10_000.0, 0_u64);
        while left > 0.0 {
            let remaining = Duration::from_secs(7200 - seconds);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let now = rate(left as usize, Some(remaining));
            assert!(now <= 10.0, "a spike is spread: {now}");
            left -= now;
            seconds += 1;
        }
        assert!(seconds < 6000, "{seconds}");
    }

    #[test]
    fn a_bucket_gives_what_its_rate_allows() {
        let (mut paces, start) = (Paces::default(), Instant::now());
        let mut given = 0;
        for step in 0..100 {
            given += paces.take("a", 3.0, 100, start + Duration::from_millis(100 * step));
        }
        assert!((29..=33).contains(&given), "{given}");
        assert_eq!(paces.take("b", 3.0, 100, start + Duration::from_secs(10)), 1);
        // A pause is not made up for.
        assert_eq!(paces.take("a", 3.0, 100, start + Duration::from_secs(40)), 3);
        paces.take("b", 3.0, 1, start + Duration::from_secs(200));
        assert_eq!(paces.buckets.len(), 1);
    }
}
