//! Changes become deliveries.
//!
//! A change is pending from the commit that announced it until its deliveries, with their tasks, are committed together
//! with the end of its mark. A process that dies before that commit leaves the change pending, one that dies after it
//! leaves tasks: no change is lost and none is delivered twice to an endpoint. Every worker looks; where two relay the
//! same changes, the second commit is refused as a whole.

use std::time::Duration;

use campanile_model::{Id, changes};
use campanile_store::changes::{PendingChange, RELAYED};
use campanile_store::webhooks::{NewWebhookDelivery, Subscribed};
use campanile_store::{Batch, StoreError};
use tokio_util::sync::CancellationToken;

use super::{EXPIRY, body, data, task};
use crate::Engine;

/// Changes relayed in one commit.
const TOGETHER: usize = 100;
/// Without any signal, changes are looked for this often: other nodes announce them too.
const POLL: Duration = Duration::from_millis(500);

/// Relays changes until it is stopped.
pub(crate) async fn keep_relaying(engine: &Engine, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match relay(engine).await {
            Ok(TOGETHER) => continue,
            Ok(_) => {}
            Err(error) if error.is_conflict(RELAYED) => {}
            Err(error) => tracing::error!(%error, "changes could not be passed on to webhooks; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.store().db().signals().changes() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Relays the oldest pending changes; how many they were.
async fn relay(engine: &Engine) -> Result<usize, StoreError> {
    let store = engine.store();
    let pending = store.pending_changes(TOGETHER).await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let mut environments: Vec<Id> = pending.iter().map(|change| change.environment_id).collect();
    environments.sort_unstable();
    environments.dedup();
    let subscribed = store.subscribed(environments).await?;
    let wanted: Vec<&PendingChange> = pending
        .iter()
        .filter(|change| receivers(&subscribed, change).next().is_some())
        .collect();
    let known = data::know(engine, &wanted).await?;
    let mut batch = Batch::background();
    for change in &pending {
        let body = receivers(&subscribed, change)
            .next()
            .map(|_| body(&change.kind, change.created_at, &known.data(change)));
        store.relay_change(&mut batch, change, body.as_deref())?;
    }
    let mut tasks = Vec::new();
    for change in wanted {
        for receiver in receivers(&subscribed, change) {
            let delivery = NewWebhookDelivery {
                id: store.new_id(),
                endpoint_id: receiver.id,
                change_id: change.id,
                kind: change.kind.clone(),
                expires_at: store.now().plus(EXPIRY),
            };
            store.insert_webhook_delivery(&mut batch, &change.ctx(), &delivery);
            tasks.push((change.ctx(), task(receiver.id, delivery.id, store.now())));
        }
    }
    for (ctx, task) in tasks {
        store.enqueue(&mut batch, &ctx, task);
    }
    store.commit(batch).await?;
    Ok(pending.len())
}

/// Who is told of a change.
fn receivers<'a>(subscribed: &'a [Subscribed], change: &'a PendingChange) -> impl Iterator<Item = &'a Subscribed> {
    subscribed
        .iter()
        .filter(|one| one.environment_id == change.environment_id && changes::matches(&one.events, &change.kind))
}
