//! Integrations with their credentials, read once until configuration changes.

use std::sync::Arc;
use std::time::Duration;

use campanile_model::{Ctx, Id};
use campanile_store::StoreError;
use campanile_store::integrations::Integration;
use serde_json::Value;

use crate::Engine;

/// Should a notice of a change get lost, the old credentials are used for this long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The live integrations of an environment.
pub(crate) struct Integrations {
    pub(crate) all: Vec<Integration>,
    credentials: Vec<Value>,
}

impl Integrations {
    /// An active integration with its credentials.
    pub(crate) fn active(&self, id: Id) -> Option<(&Integration, &Value)> {
        let (integration, credentials) = self.all.iter().zip(&self.credentials).find(|(one, _)| one.id == id)?;
        integration.active.then_some((integration, credentials))
    }
}

/// The integrations used lately, under the number of configuration changes at which they were read.
pub(crate) struct Cache {
    entries: moka::sync::Cache<(u64, Id), Arc<Integrations>>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(1000)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }
}

impl Engine {
    /// The live integrations of the context's environment.
    pub(crate) async fn integrations(&self, ctx: &Ctx) -> Result<Arc<Integrations>, StoreError> {
        let key = (self.store().db().signals().configuration(), ctx.environment);
        if let Some(known) = self.inner.integrations.entries.get(&key) {
            return Ok(known);
        }
        let all = self.store().integrations_all(ctx).await?;
        let credentials = all
            .iter()
            .map(|integration| self.store().open_credentials(integration).map(Value::Object))
            .collect::<Result<Vec<_>, _>>()?;
        let found = Arc::new(Integrations { all, credentials });
        self.inner.integrations.entries.insert(key, Arc::clone(&found));
        Ok(found)
    }
}
