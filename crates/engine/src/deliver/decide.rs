//! What becomes of a delivery after an attempt: values in, values out.

use std::time::Duration;

use campanile_model::Time;
use campanile_model::channel::{DeliveryState, TraceStatus};
use campanile_model::texts::Detail;
use campanile_providers::{Failure, Health, Level, Outcome};

use super::backoff;

/// How a delivery stood when its attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Attempts that had ended before.
    pub(crate) attempts: i64,
    pub(crate) expires_at: Time,
    pub(crate) now: Time,
    /// A random number of 0..1.
    pub(crate) jitter: f64,
}

/// What to write down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) state: DeliveryState,
    /// When the next attempt is due, when there is one.
    pub(crate) next: Option<Time>,
    pub(crate) detail: Detail,
    pub(crate) status: TraceStatus,
    /// What the failure says about the health of what is at fault.
    pub(crate) health: Option<Verdict>,
}

/// One level's health as an outcome shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Grant {
        status: &'static str,
        reason: String,
        missing_scope: Option<String>,
    },
    Endpoint {
        status: &'static str,
        reason: String,
    },
}

/// Decides.
pub(crate) fn decide(outcome: &Outcome, before: Before) -> Decision {
    match outcome {
        Outcome::Delivered { .. } => done(DeliveryState::Delivered, Detail::MessageSent),
        Outcome::Accepted { .. } => done(DeliveryState::Accepted, Detail::DeliveryAccepted),
        Outcome::Rejected(failure) => rejected(failure),
        Outcome::RetryAt { after, failure } => again(*after, failure, before, Detail::DeliveryRetry),
        Outcome::Unknown(failure) => again(None, failure, before, Detail::DeliveryUnknown),
    }
}

/// The delivery's time ran out.
pub(crate) fn expired() -> Decision {
    Decision {
        state: DeliveryState::Expired,
        next: None,
        detail: Detail::DeliveryExpired,
        status: TraceStatus::Failed,
        health: None,
    }
}

/// The grant needs its customer.
pub(crate) fn held(before: Before, health: Option<Verdict>) -> Decision {
    Decision {
        state: DeliveryState::Held,
        next: Some(before.expires_at),
        detail: Detail::DeliveryHeld,
        status: TraceStatus::Warning,
        health,
    }
}

/// The connection's token is being renewed: the delivery waits until then, which costs no attempt. `until` is when it
/// may be there; looking again is cheap.
pub(crate) fn awaits_token(before: Before, until: Time) -> Decision {
    const SHORTEST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_mins(1);
    let earliest = before.now.plus(SHORTEST);
    let spread = Duration::from_secs(2).mul_f64(before.jitter.clamp(0.0, 1.0));
    let next = until.clamp(earliest, before.now.plus(LONGEST)).plus(spread);
    Decision {
        state: DeliveryState::Waiting,
        next: Some(next.min(before.expires_at)),
        detail: Detail::DeliveryAwaitsToken,
        status: TraceStatus::Warning,
        health: None,
    }
}

/// The subscriber does not want it any more.
pub(crate) fn unwanted() -> Decision {
    Decision {
        state: DeliveryState::Canceled,
        next: None,
        detail: Detail::DeliveryUnwanted,
        status: TraceStatus::Warning,
        health: None,
    }
}

/// The subscriber's schedule is closed: the delivery waits for its opening, which costs no attempt, or for its end.
pub(crate) fn awaits_schedule(before: Before, opening: Option<Time>) -> Decision {
    Decision {
        state: DeliveryState::Waiting,
        next: Some(opening.unwrap_or(before.expires_at).min(before.expires_at)),
        detail: Detail::DeliveryAwaitsSchedule,
        status: TraceStatus::Warning,
        health: None,
    }
}

fn done(state: DeliveryState, detail: Detail) -> Decision {
    Decision {
        state,
        next: None,
        detail,
        status: TraceStatus::Success,
        health: None,
    }
}

fn rejected(failure: &Failure) -> Decision {
    Decision {
        state: DeliveryState::Rejected,
        next: None,
        detail: Detail::ProviderError,
        status: TraceStatus::Failed,
        health: verdict(failure),
    }
}

fn again(after: Option<Duration>, failure: &Failure, before: Before, detail: Detail) -> Decision {
    let next = before
        .now
        .plus(backoff::wait(before.attempts + 1, after, before.jitter));
    if next >= before.expires_at {
        return Decision {
            health: verdict(failure),
            ..expired()
        };
    }
    Decision {
        state: DeliveryState::Waiting,
        next: Some(next),
        detail,
        status: TraceStatus::Warning,
        health: verdict(failure),
    }
}

/// The level that is at fault and how it stands now; exactly one, or none when the provider told nothing about it.
pub(crate) fn verdict(failure: &Failure) -> Option<Verdict> {
    let reason = failure.message.clone();
    let status = match failure.health.as_ref()? {
        Health::NeedsReauth => "needs_reauth",
        Health::Revoked => "revoked",
        Health::Degraded { .. } => "degraded",
        Health::Broken => "broken",
    };
    match failure.level {
        Level::Grant => Some(Verdict::Grant {
            status,
            reason,
            missing_scope: match &failure.health {
                Some(Health::Degraded { missing_scope }) => missing_scope.clone(),
                _ => None,
            },
        }),
        Level::Endpoint => Some(Verdict::Endpoint { status, reason }),
        Level::Integration | Level::Message | Level::Network => None,
    }
}

/// Whether a failure means that nothing will work until the customer reconnects: then the delivery is held.
pub(crate) fn waits_for_reconnect(failure: &Failure) -> bool {
    failure.level == Level::Grant && matches!(failure.health, Some(Health::NeedsReauth | Health::Revoked))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const BEFORE: Before = Before {
        attempts: 0,
        expires_at: Time::from_millis(100_000_000),
        now: Time::from_millis(1_000_000),
        jitter: 0.5,
    };

    fn failure(level: Level) -> Failure {
        Failure::new(level, "code", "sentence")
    }

    #[test]
    fn success_ends_a_delivery() {
        let outcome = Outcome::Delivered {
            id: None,
            details: Value::Null,
        };
        let decision = decide(&outcome, BEFORE);
        assert_eq!((decision.state, decision.next), (DeliveryState::Delivered, None));
        assert_eq!(decision.detail, Detail::MessageSent);
    }

    #[test]
    fn a_rejection_is_final_and_blames_one_level() {
        let broken = failure(Level::Endpoint).health(Health::Broken);
        let decision = decide(&Outcome::Rejected(broken), BEFORE);
        assert_eq!(decision.state, DeliveryState::Rejected);
        assert_eq!(
            decision.health,
            Some(Verdict::Endpoint {
                status: "broken",
                reason: "sentence".to_owned()
            })
        );
        assert_eq!(decide(&Outcome::Rejected(failure(Level::Message)), BEFORE).health, None);
    }

    #[test]
    fn a_passing_failure_waits_as_long_as_the_provider_asks() {
        let outcome = Outcome::RetryAt {
            after: Some(Duration::from_secs(30)),
            failure: failure(Level::Network),
        };
        let decision = decide(&outcome, BEFORE);
        assert_eq!(decision.state, DeliveryState::Waiting);
        assert!(decision.next.unwrap() >= BEFORE.now.plus(Duration::from_secs(30)));
    }

    #[test]
    fn what_cannot_be_tried_again_in_time_expires() {
        let before = Before {
            expires_at: BEFORE.now.plus(Duration::from_secs(20)),
            ..BEFORE
        };
        let outcome = Outcome::RetryAt {
            after: Some(Duration::from_secs(30)),
            failure: failure(Level::Network),
        };
        assert_eq!(decide(&outcome, before).state, DeliveryState::Expired);
        assert_eq!(
            decide(&Outcome::Unknown(failure(Level::Network)), before).state,
            DeliveryState::Waiting
        );
    }

    #[test]
    fn waiting_for_a_token_is_short_and_ends_with_the_message() {
        let wait = |until: Duration| {
            let decision = awaits_token(BEFORE, BEFORE.now.plus(until));
            assert_eq!((decision.state, decision.health), (DeliveryState::Waiting, None));
            BEFORE.now.until(decision.next.unwrap()).as_secs()
        };
        assert_eq!(wait(Duration::ZERO), 3);
        assert_eq!(wait(Duration::from_secs(30)), 31);
        assert_eq!(wait(Duration::from_hours(1)), 61);
        let before = Before {
            expires_at: BEFORE.now.plus(Duration::from_secs(1)),
            ..BEFORE
        };
        assert_eq!(awaits_token(before, BEFORE.now).next, Some(before.expires_at));
    }

    #[test]
    fn only_a_dead_grant_waits_for_a_reconnect() {
        assert!(waits_for_reconnect(&failure(Level::Grant).health(Health::Revoked)));
        assert!(waits_for_reconnect(&failure(Level::Grant).health(Health::NeedsReauth)));
        assert!(!waits_for_reconnect(&failure(Level::Grant)));
        assert!(!waits_for_reconnect(&failure(Level::Endpoint).health(Health::Broken)));
    }
}
