//! The workflows that subscribers can choose about: read once until configuration changes, without their content.

use std::sync::Arc;
use std::time::Duration;

use campanile_model::channel::Severity;
use campanile_model::{Channel, Ctx, Id, Time};
use campanile_store::StoreError;
use campanile_store::workflows::Workflow;

use crate::Engine;
use crate::preferences::Offer;

/// Should a notice of a change get lost, the old list is used for this long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// One workflow as a subscriber sees it.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Our id.
    pub id: Id,
    /// The identifier that triggers use.
    pub identifier: String,
    /// Its name.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How urgent its notifications are shown.
    pub severity: Severity,
    /// The channels that it sends through.
    pub channels: Vec<Channel>,
    /// What it says of them.
    pub offer: Offer,
    /// When it was last changed.
    pub updated_at: Time,
}

impl Offered {
    /// What a subscriber sees of a workflow.
    pub fn of(workflow: &Workflow) -> Self {
        let sends = |channel: &&Channel| workflow.steps.iter().any(|step| step.kind.channel() == Some(**channel));
        Self {
            id: workflow.id,
            identifier: workflow.workflow_id.clone(),
            name: workflow.name.clone(),
            tags: workflow.tags.clone(),
            severity: workflow.severity,
            channels: Channel::ALL.iter().filter(sends).copied().collect(),
            offer: Offer::parse(&workflow.preferences.default, workflow.preferences.user.as_ref()),
            updated_at: workflow.updated_at,
        }
    }
}

/// The lists used lately, under the number of configuration changes at which they were read.
pub(crate) struct Cache {
    entries: moka::sync::Cache<(u64, Id), Arc<Vec<Offered>>>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(200)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }
}

impl Engine {
    /// The active workflows of the caller's environment, oldest first.
    pub async fn offered(&self, ctx: &Ctx) -> Result<Arc<Vec<Offered>>, StoreError> {
        let key = (self.store().db().signals().configuration(), ctx.environment);
        if let Some(known) = self.inner.offers.entries.get(&key) {
            return Ok(known);
        }
        let workflows = self.store().active_workflows(ctx).await?;
        let offered = Arc::new(workflows.iter().map(Offered::of).collect::<Vec<_>>());
        self.inner.offers.entries.insert(key, Arc::clone(&offered));
        Ok(offered)
    }
}
