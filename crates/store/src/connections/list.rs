//! Lists of connections, whatever they are narrowed to.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Ctx};

use super::{CONNECTIONS, Connection};
use crate::Store;
use crate::db::StoreError;
use crate::page::{Cursor, Indexed, List, Page};

const INTEGRATION: Indexed = Indexed {
    column: "t.integration_id",
    index: "connections_integration",
};
const SUBSCRIBER: Indexed = Indexed {
    column: "t.subscriber",
    index: "connections_subscriber",
};
const IDENTIFIER: Indexed = Indexed {
    column: "t.identifier",
    index: "connections_identifier",
};
const CONTEXTS: Indexed = Indexed {
    column: "t.contexts",
    index: "connections_contexts",
};
const STATUS: Indexed = Indexed {
    column: "t.status",
    index: "connections_status",
};

/// What a list of connections is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Whose: row ids of subscribers, and the empty text for shared ones. An empty list matches nothing.
    pub owners: Option<Vec<String>>,
    /// Exactly this identifier.
    pub identifier: Option<String>,
    /// The integration's channel.
    pub channel: Option<Channel>,
    /// The integration's provider.
    pub provider_id: Option<String>,
    /// The integration's identifier.
    pub integration_identifier: Option<String>,
    /// Exactly this stored context set.
    pub contexts: Option<String>,
    /// How the grant stands.
    pub status: Option<HealthStatus>,
}

impl Store {
    /// A page of connections.
    pub async fn list_connections(
        &self,
        ctx: &Ctx,
        filter: &ConnectionFilter,
        cursor: &Cursor,
    ) -> Result<Page<Connection>, StoreError> {
        let integrations = self
            .integrations_matching(
                ctx,
                filter.channel,
                filter.provider_id.as_deref(),
                filter.integration_identifier.as_deref(),
            )
            .await?;
        let mut list = List::of(ctx, CONNECTIONS).covered();
        if let Some(integrations) = integrations {
            list.one_of(INTEGRATION, integrations);
        }
        if let Some(owners) = &filter.owners {
            list.one_of(SUBSCRIBER, owners.clone());
        }
        if let Some(identifier) = &filter.identifier {
            list.equals(IDENTIFIER, identifier);
        }
        if let Some(contexts) = &filter.contexts {
            list.equals(CONTEXTS, contexts);
        }
        if let Some(status) = filter.status {
            list.equals(STATUS, status.wire());
        }
        list.page(&self.db, cursor).await
    }
}
