//! How integrations stand: whether the vendor takes our user's own credentials, and when the app's secret ends.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Result, Time};
use campanile_store::integrations::Integration;
use campanile_store::integrations::health::{Finding, IntegrationHealth};
use campanile_store::{Batch, Store};
use serde_json::{Map, Value};

use crate::Connect;

const DAY: i64 = 24 * 3600 * 1000;
/// The days before the end at which is warned, the last one first.
const WARNINGS: [i64; 3] = [1, 7, 30];

/// Notes that a vendor refused the integration's credentials, for this reason, or that it took them.
pub async fn note_integration(connect: &Connect, ctx: &Ctx, integration: Id, refusal: Option<&str>) -> Result<()> {
    let store = connect.store();
    let known = store.integrations_health(ctx).await?;
    let known = known.iter().find(|one| one.integration_id == integration);
    let was_refused = known.is_some_and(|known| known.status == HealthStatus::Degraded);
    if refusal.is_none() && !was_refused {
        return Ok(());
    }
    let finding = Finding {
        status: if refusal.is_some() {
            HealthStatus::Degraded
        } else {
            HealthStatus::Active
        },
        reason: refusal.map(str::to_owned),
        expires_at: known.and_then(|known| known.expires_at),
        warned: known.and_then(|known| known.warned),
    };
    let mut batch = Batch::background();
    store.set_integration_health(&mut batch, ctx, integration, &finding);
    store.commit(batch).await?;
    Ok(())
}

/// How an integration stands: what its vendor said, or else the end of its secret as it is set now.
pub fn stands(
    store: &Store,
    integration: &Integration,
    known: Option<&IntegrationHealth>,
) -> Result<Option<IntegrationHealth>> {
    if let Some(known) = known.filter(|known| known.status == HealthStatus::Degraded) {
        return Ok(Some(known.clone()));
    }
    let Some(end) = secret_end(store, integration)? else {
        return Ok(known.filter(|known| known.status == HealthStatus::Active).cloned());
    };
    let found = finding(end, store.now());
    let since = known
        .filter(|known| known.status == found.status)
        .map(|known| known.since);
    Ok(Some(IntegrationHealth {
        integration_id: integration.id,
        status: found.status,
        reason: found.reason,
        since: since.unwrap_or(integration.updated_at),
        expires_at: found.expires_at,
        warned: found.warned,
    }))
}

/// Announces secrets that end in 30, 7 and 1 days, and that they were replaced.
pub(super) async fn warn_of_secrets(connect: &Connect) -> Result<()> {
    let store = connect.store();
    for (environment, organization) in store.environment_ids().await? {
        let ctx = Ctx::system(organization, environment, "health-sweep");
        let known = store.integrations_health(&ctx).await?;
        let mut batch = Batch::background();
        for integration in store.integrations_all(&ctx).await? {
            let known = known.iter().find(|one| one.integration_id == integration.id);
            let end = secret_end(store, &integration)?;
            let found = end.map(|end| finding(end, store.now()));
            if let Some(found) = news(known, found) {
                store.set_integration_health(&mut batch, &ctx, integration.id, &found);
            }
        }
        store.commit(batch).await?;
    }
    Ok(())
}

/// What is to be announced: a new warning, or that the one before is over. What a vendor refused stays refused.
fn news(known: Option<&IntegrationHealth>, found: Option<Finding>) -> Option<Finding> {
    let warned = known.and_then(|known| known.warned);
    let was_refused_otherwise =
        known.is_some_and(|known| known.status == HealthStatus::Degraded && known.warned.is_none());
    match found {
        Some(found) if found.warned.is_some() && found.warned != warned && !was_refused_otherwise => Some(found),
        Some(found) if found.warned.is_none() && warned.is_some() => Some(found),
        None if warned.is_some() => Some(Finding {
            status: HealthStatus::Active,
            reason: None,
            expires_at: None,
            warned: None,
        }),
        _ => None,
    }
}

fn finding(end: Time, now: Time) -> Finding {
    let left = end.millis() - now.millis();
    let warned = if left <= 0 {
        Some(0)
    } else {
        WARNINGS.into_iter().find(|days| left <= days * DAY)
    };
    let (status, reason) = match warned {
        None => (HealthStatus::Active, None),
        Some(0) => (
            HealthStatus::Degraded,
            Some(format!("The app's secret ended at {end}. Make a new one and set it.")),
        ),
        Some(_) => (
            HealthStatus::Expiring,
            Some(format!(
                "The app's secret ends at {end}. Make a new one and set it before that."
            )),
        ),
    };
    Finding {
        status,
        reason,
        expires_at: Some(end),
        warned,
    }
}

/// `secretExpiresAt`, which our user may keep among credentials or configurations.
fn secret_end(store: &Store, integration: &Integration) -> Result<Option<Time>> {
    let of = |bag: &Map<String, Value>| bag.get("secretExpiresAt").and_then(Value::as_str).and_then(read_end);
    if let Some(end) = of(&store.open_credentials(integration)?) {
        return Ok(Some(end));
    }
    Ok(of(&store.open_configurations(integration)?))
}

/// A time, or a day, which ends at its beginning: better early than late.
fn read_end(text: &str) -> Option<Time> {
    let text = text.trim();
    Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(days: i64) -> Finding {
        finding(Time::from_millis(days * DAY), Time::from_millis(0))
    }

    fn known(status: HealthStatus, warned: Option<i64>) -> IntegrationHealth {
        IntegrationHealth {
            integration_id: Id::from_bytes([0; 12]),
            status,
            reason: None,
            since: Time::from_millis(0),
            expires_at: None,
            warned,
        }
    }

    #[test]
    fn warnings_come_30_7_and_1_days_before_the_end() {
        let table = [
            (31, HealthStatus::Active, None),
            (30, HealthStatus::Expiring, Some(30)),
            (8, HealthStatus::Expiring, Some(30)),
            (7, HealthStatus::Expiring, Some(7)),
            (1, HealthStatus::Expiring, Some(1)),
            (0, HealthStatus::Degraded, Some(0)),
            (-5, HealthStatus::Degraded, Some(0)),
        ];
        for (days, status, warned) in table {
            assert_eq!((found(days).status, found(days).warned), (status, warned), "{days}");
        }
    }

    #[test]
    fn each_warning_is_news_once() {
        let expiring = known(HealthStatus::Expiring, Some(30));
        assert!(news(None, Some(found(100))).is_none() && news(None, None).is_none());
        assert!(news(None, Some(found(20))).is_some());
        assert!(news(Some(&expiring), Some(found(20))).is_none());
        assert_eq!(news(Some(&expiring), Some(found(5))).unwrap().warned, Some(7));
        let replaced = news(Some(&expiring), Some(found(300))).unwrap();
        assert_eq!((replaced.status, replaced.warned), (HealthStatus::Active, None));
        assert_eq!(news(Some(&expiring), None).unwrap().status, HealthStatus::Active);
        let refused = known(HealthStatus::Degraded, None);
        assert!(news(Some(&refused), Some(found(5))).is_none());
    }

    #[test]
    fn an_end_is_a_time_or_a_day() {
        assert_eq!(read_end("2027-01-31"), Time::parse("2027-01-31T00:00:00Z"));
        assert_eq!(read_end(" 2027-01-31T12:00:00Z "), Time::parse("2027-01-31T12:00:00Z"));
        assert_eq!(read_end("soon"), None);
    }
}
