//! How grants and integrations stand: vendors are asked, at a pace, and when somebody wants to know.

mod integrations;
mod probe;
mod scopes;

use std::time::Duration;

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Result};
use campanile_store::Batch;
use campanile_store::connections::Connection;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::Connect;

pub use integrations::{note_integration, stands as integration_stands};

/// Grants that are asked about side by side, and so at most each [`PACE`].
const AT_A_TIME: usize = 8;
/// Between two rounds with work: a vendor is not asked about thousands of its workspaces in one moment.
const PACE: Duration = Duration::from_secs(1);
/// Without work, it is looked for this often.
const IDLE: Duration = Duration::from_secs(5);
/// How often the sweep looks round.
const SWEEP: Duration = Duration::from_secs(20);
/// A healthy grant is asked about this often, give or take a sixth.
const DAILY: Duration = Duration::from_hours(24);
/// One that works in part, and one that could not be reached.
const SOON: Duration = Duration::from_mins(30);
/// A result that is no older is given again.
const RECENT: Duration = Duration::from_secs(3);
/// How long a caller waits for the probe of another one.
const PATIENCE: Duration = Duration::from_secs(12);
/// A grant that cannot renew itself is announced this long before its end.
const WARNING: Duration = Duration::from_hours(7 * 24);

/// Asks the vendor now how the connection's grant stands, and records it. A result of a moment ago counts as one of now,
/// and one that is under way is waited for.
pub async fn check(connect: &Connect, ctx: &Ctx, connection: &Connection) -> Result<()> {
    let store = connect.store();
    let step = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        let state = store.probe_state(ctx, connection.grant.id).await?;
        let last = state.and_then(|state| state.probed_at);
        if last.is_some_and(|last| last.plus(RECENT) > store.now()) {
            return Ok(());
        }
        if store.claim_probe(ctx, connection.grant.id).await? {
            return probe::run(connect, ctx, connection).await;
        }
        tokio::time::sleep(step).await;
        waited += step;
    }
    Ok(())
}

/// One round of probes: plans what is new, asks about what is due, and says when to come again.
pub async fn probe_round(connect: Connect) -> Result<Duration> {
    let store = connect.store();
    let planned = store
        .plan_probes(200, || store.now().plus(DAILY.mul_f64(jitter())))
        .await?;
    let claimed = store.claim_probes(AT_A_TIME).await?;
    let count = claimed.len();
    let mut probes: FuturesUnordered<_> = claimed
        .into_iter()
        .map(|(organization, grant)| {
            let connect = &connect;
            async move {
                let Some((ctx, connection)) = connect.store().connection_on(organization, grant).await? else {
                    return Ok(());
                };
                if is_known_to_work(connect, &connection) {
                    let mut batch = Batch::background();
                    let next = connect.store().now().plus(rest(HealthStatus::Active, jitter()));
                    connect.store().plan_probe(&mut batch, &ctx, grant, next);
                    connect.store().commit(batch).await?;
                    return Ok(());
                }
                probe::run(connect, &ctx, &connection).await
            }
        })
        .collect();
    while let Some(result) = probes.next().await {
        if let Err(error) = result {
            let error: campanile_model::Error = error;
            tracing::error!(%error, "a grant could not be asked about; its turn comes again");
        }
    }
    Ok(if planned > 0 || count > 0 { PACE } else { IDLE })
}

/// A send that worked lately says as much as a probe would.
fn is_known_to_work(connect: &Connect, connection: &Connection) -> bool {
    let grant = &connection.grant;
    grant.status == HealthStatus::Active
        && grant.scopes.is_some()
        && grant
            .last_success_at
            .is_some_and(|last| last.plus(DAILY / 2) > connect.store().now())
}

/// When a grant is asked about again.
fn rest(status: HealthStatus, jitter: f64) -> Duration {
    let usual = if status == HealthStatus::Degraded { SOON } else { DAILY };
    usual.mul_f64(5.0 / 6.0 + jitter / 3.0)
}

/// One round of the sweep: what ends soon, what vendors do not repeat any more, what has no place yet.
pub async fn sweep_round(connect: Connect) -> Result<Duration> {
    let store = connect.store();
    for ending in store.ending_grants(store.now().plus(WARNING), 200).await? {
        // The grant is the organization's; the environment does not matter here.
        let ctx = Ctx::system(ending.organization, ending.organization, "health-sweep");
        let reason = format!(
            "It ends at {} and cannot renew itself. Its customer must connect again before that.",
            ending.expires_at
        );
        let mut batch = Batch::background();
        let status = HealthStatus::Expiring;
        store.set_grant_health(&mut batch, &ctx, ending.grant, ending.generation, status, Some(&reason));
        store.commit(batch).await?;
    }
    integrations::warn_of_secrets(&connect).await?;
    store.sweep_hook_events().await?;
    Ok(if store.fill_places().await? { PACE } else { SWEEP })
}

/// A random number of 0..1; without randomness the middle.
fn jitter() -> f64 {
    match campanile_store::secrets::random_bytes(2).unwrap_or_default().as_slice() {
        [high, low] => f64::from(u16::from_be_bytes([*high, *low])) / 65536.0,
        _ => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_healthy_are_asked_about_a_day_later_and_the_degraded_soon() {
        let hours = |status, jitter| rest(status, jitter).as_secs_f64() / 3600.0;
        assert!((hours(HealthStatus::Active, 0.0) - 20.0).abs() < 0.01);
        assert!((hours(HealthStatus::Active, 1.0) - 28.0).abs() < 0.01);
        assert!(hours(HealthStatus::Degraded, 1.0) < 0.6);
    }
}
