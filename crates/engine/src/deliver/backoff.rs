//! When a delivery is tried again: after about 2 s, 10 s, 1 min, 5 min, 15 min, then hourly; what the provider asks for
//! wins.

use std::time::Duration;

const WAITS: [u64; 6] = [2, 10, 60, 300, 900, 3600];

/// How long to wait after the attempt number `attempts` (from 1). `jitter` is any number of 0..1: the wait is spread by
/// a fifth to both sides, so that what failed together does not come back together.
pub(crate) fn wait(attempts: i64, asked: Option<Duration>, jitter: f64) -> Duration {
    if let Some(asked) = asked {
        // Never earlier than asked; a little later, for the same reason.
        return asked + Duration::from_millis(millis(1000.0 * jitter));
    }
    let index = usize::try_from(attempts.max(1) - 1)
        .unwrap_or(usize::MAX)
        .min(WAITS.len() - 1);
    let seconds = WAITS.get(index).copied().unwrap_or(3600);
    #[expect(clippy::cast_precision_loss, reason = "at most 3600")]
    let spread = seconds as f64 * 1000.0 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Duration::from_millis(millis(spread))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small positive numbers"
)]
fn millis(value: f64) -> u64 {
    value.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_grow_to_an_hour() {
        let seconds: Vec<u64> = (1..=8).map(|attempt| wait(attempt, None, 0.5).as_secs()).collect();
        assert_eq!(seconds, [2, 10, 60, 300, 900, 3600, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn a_wait_that_the_provider_asks_for_is_kept(seconds in 0u64..86_400, attempts in -5i64..1000, jitter in 0.0f64..1.0) {
            prop_assert!(wait(attempts, Some(Duration::from_secs(seconds)), jitter) >= Duration::from_secs(seconds));
        }

        #[test]
        fn jitter_stays_within_a_fifth(attempts in 1i64..20, jitter in 0.0f64..1.0) {
            let (low, middle, high) = (wait(attempts, None, 0.0), wait(attempts, None, jitter), wait(attempts, None, 1.0));
            prop_assert!(low <= middle && middle <= high);
        }
    }
}
