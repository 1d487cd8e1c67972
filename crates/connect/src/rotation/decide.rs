//! What an exchange leads to: values in, values out.

use std::time::Duration;

use campanile_model::Time;
use campanile_model::channel::HealthStatus;
use campanile_providers::vendors::rotation::{Exchange, Issued, label};
use campanile_store::grants::Tokens;
use campanile_store::grants::rotation::Ended;

/// Waits after exchanges that brought nothing: the first one half a minute, then longer.
const WAITS: [u64; 7] = [30, 60, 120, 300, 600, 900, 1800];

/// How the grant stood when the answer came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub(super) provider_id: &'a str,
    /// Exchanges of this refresh token that brought nothing.
    pub(super) attempts: i64,
    /// When the answer of one was lost.
    pub(super) lost_at: Option<Time>,
    /// When the access token ends.
    pub(super) ends_at: Option<Time>,
    pub(super) now: Time,
    /// A random number of 0..1.
    pub(super) jitter: f64,
}

/// What to write down.
pub(super) fn decide(answer: &Exchange, before: Before<'_>) -> Result<Issued, Ended> {
    match answer {
        Exchange::Renewed(issued) => Ok(issued.clone()),
        Exchange::Refused { revoked, trouble } => Err(Ended::Refused {
            status: if *revoked {
                HealthStatus::Revoked
            } else {
                HealthStatus::NeedsReauth
            },
            reason: refusal(*revoked, &trouble.code, before),
        }),
        // Our user's app is at fault, and mending it mends all its grants.
        Exchange::App(trouble) => Err(Ended::Failed {
            again_at: before.now.plus(wait(before.attempts, None, before.jitter)),
            text: trouble.message.clone(),
            lost: false,
            degraded: false,
        }),
        Exchange::Later { after, lost, trouble } => Err(Ended::Failed {
            again_at: before.now.plus(wait(before.attempts, *after, before.jitter)),
            text: trouble.message.clone(),
            lost: *lost,
            degraded: before.ends_at.is_some_and(|end| end <= before.now),
        }),
    }
}

fn refusal(revoked: bool, code: &str, before: Before<'_>) -> String {
    let label = label(before.provider_id);
    if revoked {
        return format!(
            "{label} says that the app was removed or the account is gone (`{code}`). It must be reconnected."
        );
    }
    match before.lost_at {
        // The old refresh token was used up by an exchange whose answer did not arrive: nobody took anything back.
        Some(at) => format!(
            "The answer to a token refresh was lost at {at}, and {label} no longer accepts the refresh token that was used for it (`{code}`). It must be reconnected."
        ),
        None => format!("{label} no longer accepts the refresh token (`{code}`). It must be reconnected."),
    }
}

/// What is stored of an answer: what the vendor did not renew stays.
pub(super) fn renewed(old: &Tokens, issued: &Issued, now: Time) -> Tokens {
    let at = |after: Option<Duration>| after.map(|after| now.plus(after).to_string());
    Tokens {
        access_token: issued.access_token.clone(),
        refresh_token: issued.refresh_token.clone().or_else(|| old.refresh_token.clone()),
        expires_at: at(issued.expires_in).or_else(|| old.expires_at.clone()),
        refresh_token_expires_at: at(issued.refresh_token_expires_in).or_else(|| old.refresh_token_expires_at.clone()),
    }
}

/// How long to wait after an exchange that brought nothing, `attempts` having failed before it.
pub(super) fn wait(attempts: i64, asked: Option<Duration>, jitter: f64) -> Duration {
    if let Some(asked) = asked {
        return asked + Duration::from_secs(1).mul_f64(jitter.clamp(0.0, 1.0));
    }
    let index = usize::try_from(attempts.max(0))
        .unwrap_or(usize::MAX)
        .min(WAITS.len() - 1);
    let seconds = WAITS.get(index).copied().unwrap_or(1800);
    Duration::from_secs(seconds).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use campanile_providers::vendors::rotation::Trouble;

    use super::*;

    const NOW: Time = Time::from_millis(1_769_860_800_000);
    const BEFORE: Before<'_> = Before {
        provider_id: "slack",
        attempts: 0,
        lost_at: None,
        ends_at: Some(Time::from_millis(1_769_860_860_000)),
        now: NOW,
        jitter: 0.5,
    };

    fn trouble(code: &str) -> Trouble {
        Trouble {
            code: code.to_owned(),
            message: "sentence".to_owned(),
        }
    }

    fn refused(revoked: bool) -> Exchange {
        let trouble = trouble("code");
        Exchange::Refused { revoked, trouble }
    }

    #[test]
    fn a_refusal_says_what_happened() {
        let reason = |revoked, lost_at| match decide(&refused(revoked), Before { lost_at, ..BEFORE }) {
            Err(Ended::Refused { status, reason }) => (status, reason),
            other => panic!("{other:?}"),
        };
        let (status, text) = reason(false, None);
        assert_eq!((status, text.contains("lost")), (HealthStatus::NeedsReauth, false));
        let (status, text) = reason(false, Some(NOW));
        assert_eq!(status, HealthStatus::NeedsReauth);
        assert!(
            text.contains("lost at 2026-01-31T12:00:00.000Z") && text.contains("`code`"),
            "{text}"
        );
        assert_eq!(reason(true, Some(NOW)).0, HealthStatus::Revoked);
    }

    #[test]
    fn only_a_token_that_has_ended_degrades_its_grant() {
        let later = Exchange::Later {
            after: None,
            lost: false,
            trouble: trouble("x"),
        };
        let degraded = |answer: &Exchange, ends_at| match decide(answer, Before { ends_at, ..BEFORE }) {
            Err(Ended::Failed { degraded, .. }) => degraded,
            other => panic!("{other:?}"),
        };
        assert!(!degraded(&later, BEFORE.ends_at));
        assert!(!degraded(&later, None));
        assert!(degraded(&later, Some(NOW)));
        assert!(!degraded(&Exchange::App(trouble("bad_client_secret")), Some(NOW)));
    }

    #[test]
    fn waits_grow_and_the_vendors_wish_wins() {
        let seconds: Vec<u64> = (0..9).map(|attempts| wait(attempts, None, 0.5).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 300, 600, 900, 1800, 1800, 1800]);
        assert!(wait(5, Some(Duration::from_secs(7)), 0.9) >= Duration::from_secs(7));
        assert!(wait(-1, None, 5.0) <= Duration::from_secs(36));
    }

    #[test]
    fn what_the_vendor_did_not_renew_stays() {
        let old = Tokens {
            access_token: "a".to_owned(),
            refresh_token: Some("r".to_owned()),
            expires_at: Some("soon".to_owned()),
            refresh_token_expires_at: None,
        };
        let issued = Issued {
            access_token: "b".to_owned(),
            refresh_token: None,
            expires_in: Some(Duration::from_hours(1)),
            refresh_token_expires_in: None,
        };
        let new = renewed(&old, &issued, NOW);
        assert_eq!(
            (new.access_token.as_str(), new.refresh_token.as_deref()),
            ("b", Some("r"))
        );
        assert_eq!(new.expires_at.as_deref(), Some("2026-01-31T13:00:00.000Z"));
    }
}
