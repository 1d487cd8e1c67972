//! What templates see as `env`: the environment's variables, its name and type.

use std::sync::Arc;
use std::time::Duration;

use campanile_model::{Ctx, Id};
use campanile_store::StoreError;
use serde_json::{Map, Value};

use crate::Engine;

/// Should a notice of a change get lost, old values are used for this long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The environments used lately, under the number of configuration changes at which they were read. The values are in
/// clear here, as they are in what is rendered from them.
pub(crate) struct Cache {
    entries: moka::sync::Cache<(u64, Id), Arc<Value>>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(100)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }
}

impl Engine {
    /// `env` in the caller's environment.
    pub(crate) async fn environment_values(&self, ctx: &Ctx) -> Result<Arc<Value>, StoreError> {
        let store = self.store();
        let key = (store.db().signals().configuration(), ctx.environment);
        if let Some(known) = self.inner.environments.entries.get(&key) {
            return Ok(known);
        }
        let mut values = Map::new();
        for variable in store.environment_variables(ctx).await? {
            if let Some(value) = store.environment_value(ctx, &variable)? {
                values.insert(variable.key, value.into());
            }
        }
        if let Some(environment) = store.environment(ctx, ctx.environment).await? {
            values.insert("name".to_owned(), environment.name.into());
            values.insert("type".to_owned(), environment.kind.into());
        }
        let values = Arc::new(Value::Object(values));
        self.inner.environments.entries.insert(key, values.clone());
        Ok(values)
    }
}
