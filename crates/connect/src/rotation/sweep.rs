//! The sweep: renews what is due before anybody needs it, in small batches, paced for each app.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use campanile_model::Result;
use campanile_store::grants::rotation::Due;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::{Need, Renewal, fly, pace};
use crate::Connect;

/// Rows that are looked at in a round; all that the sweep keeps in memory.
const BATCH: usize = 200;
/// Exchanges at the same time.
const AT_ONCE: usize = 16;
/// Between rounds while there is something to do, and while there is not.
const BUSY: Duration = Duration::from_millis(250);
const IDLE: Duration = Duration::from_secs(5);
/// What cannot be renewed here, such as in dev mode, is looked at again after this.
const PUT_OFF: Duration = Duration::from_hours(1);

/// One round.
pub(crate) async fn round(connect: Connect) -> Result<Duration> {
    let store = connect.store();
    let due = store.due_rotations(BATCH).await?;
    if due.is_empty() {
        store.release_strays().await?;
        return Ok(IDLE);
    }
    let backlog = if due.len() < BATCH {
        due.len()
    } else {
        store.rotation_backlog().await?
    };
    let begun = futures_util::stream::iter(allowed(&connect, due, backlog));
    begun
        .for_each_concurrent(AT_ONCE, |due| {
            let connect = &connect;
            async move {
                if let Err(error) = renew(connect, &due).await {
                    tracing::error!(grant = %due.id, %error, "a grant could not be renewed; trying again");
                }
            }
        })
        .await;
    Ok(BUSY)
}

/// Those whose app may exchange now. An integration stands for its app: the same app in two environments has two paces.
fn allowed(connect: &Connect, due: Vec<Due>, backlog: usize) -> Vec<Due> {
    let now = connect.store().now();
    let mut apps: HashMap<String, Vec<Due>> = HashMap::new();
    for one in due {
        let integration = one.integration_id.map(|id| id.to_string()).unwrap_or_default();
        let app = format!("{}:{integration}", one.provider_id);
        apps.entry(app).or_default().push(one);
    }
    let state = &connect.inner.rotation;
    let mut paces = state.paces.lock().unwrap_or_else(PoisonError::into_inner);
    let mut allowed = Vec::new();
    for (app, mut grants) in apps {
        // A token that has ended already is renewed by whoever needs it; the others are to be done in time.
        let ends = grants
            .iter()
            .filter_map(|one| one.token_ends_at)
            .filter(|end| *end > now);
        let rate = pace::rate(backlog, ends.min().map(|end| now.until(end)));
        grants.truncate(paces.take(&app, rate, grants.len(), Instant::now()));
        allowed.append(&mut grants);
    }
    allowed
}

async fn renew(connect: &Connect, due: &Due) -> Result<()> {
    let renewal = fly(connect, due.organization_id, due.id, due.generation, Need::Due).await?;
    if renewal == Renewal::Unrenewable {
        connect.store().postpone_rotation(due, PUT_OFF).await?;
    }
    Ok(())
}
