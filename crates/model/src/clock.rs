//! The one source of time below `main`: the system's clock, or one that a test or dev mode moves forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::time::Time;

/// A clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    base: Base,
    /// How far this clock is ahead of its base, in milliseconds.
    ahead: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    System,
    Fixed(i64),
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self {
            base: Base::System,
            ahead: Arc::default(),
        }
    }

    /// A clock that stands still at `millis` until it is advanced.
    pub fn fixed(millis: i64) -> Self {
        Self {
            base: Base::Fixed(millis),
            ahead: Arc::default(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        let base = match self.base {
            Base::System => system_millis(),
            Base::Fixed(millis) => millis,
        };
        Time::from_millis(base + self.ahead.load(Ordering::Relaxed))
    }

    /// The time now, however far the clock was moved: what others compare with their own clocks, such as the times
    /// inside signatures.
    pub fn real(&self) -> Time {
        Time::from_millis(match self.base {
            Base::System => system_millis(),
            Base::Fixed(millis) => millis,
        })
    }

    /// What this clock shows when it is `real` elsewhere: where a time that others wrote meets one of ours.
    pub fn shifted(&self, real: Time) -> Time {
        real.plus(self.ahead())
    }

    /// How far the clock was moved.
    pub fn ahead(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.ahead.load(Ordering::Relaxed)).unwrap_or(0))
    }

    /// Moves the clock forward; it never goes back.
    pub fn advance(&self, by: Duration) {
        self.ahead
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the system's clock"
)]
fn system_millis() -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
