//! What a webhook says of a change besides what was announced: whose it is and where it belongs.

use std::collections::HashMap;

use campanile_connect::hosted::reconnect_url;
use campanile_model::{Ctx, Id};
use campanile_store::StoreError;
use campanile_store::changes::PendingChange;
use campanile_store::connections::Connection;
use serde_json::{Map, Value};

use crate::Engine;

/// Facts by environment, family and identifier.
pub(super) struct Known(HashMap<(Id, &'static str, String), Map<String, Value>>);

const CONNECTION: &str = "connection";
const ENDPOINT: &str = "endpoint";

fn family(change: &PendingChange) -> Option<&'static str> {
    match change.kind.split_once('.')?.0 {
        CONNECTION => Some(CONNECTION),
        ENDPOINT => Some(ENDPOINT),
        _ => None,
    }
}

/// Reads what is known of these changes' objects, in one query for each environment and family.
pub(super) async fn know(engine: &Engine, changes: &[&PendingChange]) -> Result<Known, StoreError> {
    let store = engine.store();
    let mut asked: HashMap<(Id, &'static str), (&PendingChange, Vec<String>)> = HashMap::new();
    for change in changes {
        if let (Some(family), Some(identifier)) = (family(change), change.identifier()) {
            let (_, identifiers) = asked
                .entry((change.environment_id, family))
                .or_insert_with(|| (change, Vec::new()));
            identifiers.push(identifier.to_owned());
        }
    }
    let mut known = HashMap::new();
    for ((environment, family), (change, identifiers)) in asked {
        let ctx = change.ctx();
        if family == CONNECTION {
            for connection in store.connections_named(&ctx, identifiers).await? {
                let members = of_connection(engine, &ctx, &connection);
                known.insert((environment, family, connection.identifier), members);
            }
        } else {
            for facts in store.endpoint_facts(&ctx, identifiers).await? {
                known.insert((environment, family, facts.identifier), facts.members);
            }
        }
    }
    Ok(Known(known))
}

fn of_connection(engine: &Engine, ctx: &Ctx, connection: &Connection) -> Map<String, Value> {
    let Value::Object(mut members) = connection.announced() else {
        return Map::new();
    };
    if let Some(link) = reconnect_url(engine.connect(), ctx, connection) {
        members.insert("reconnectUrl".to_owned(), link.to_string().into());
    }
    members
}

impl Known {
    /// The data of a change: what was announced wins over what is known by now.
    pub(super) fn data(&self, change: &PendingChange) -> Value {
        let mut data = family(change)
            .zip(change.identifier())
            .and_then(|(family, identifier)| self.0.get(&(change.environment_id, family, identifier.to_owned())))
            .cloned()
            .unwrap_or_default();
        for (name, value) in &change.object {
            data.insert(name.clone(), value.clone());
        }
        Value::Object(data)
    }
}
