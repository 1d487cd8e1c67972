//! Lists of endpoints, whatever they are narrowed to.

use campanile_model::channel::HealthStatus;
use campanile_model::{Channel, Ctx, Id};

use super::{ENDPOINTS, Endpoint};
use crate::Store;
use crate::db::StoreError;
use crate::page::{Cursor, Indexed, List, Page};

const INTEGRATION: Indexed = Indexed {
    column: "t.integration_id",
    index: "endpoints_integration",
};
const SUBSCRIBER: Indexed = Indexed {
    column: "t.subscriber_id",
    index: "endpoints_subscriber",
};
const CHANNEL: Indexed = Indexed {
    column: "t.channel",
    index: "endpoints_channel",
};
const CONNECTION: Indexed = Indexed {
    column: "t.connection_identifier",
    index: "endpoints_named",
};
const CONTEXTS: Indexed = Indexed {
    column: "t.contexts",
    index: "endpoints_contexts",
};
const STATUS: Indexed = Indexed {
    column: "t.status",
    index: "endpoints_status",
};

/// What a list of endpoints is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct EndpointFilter {
    /// Whose, by our id.
    pub subscriber: Option<Id>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The integration's provider.
    pub provider_id: Option<String>,
    /// The integration's identifier.
    pub integration_identifier: Option<String>,
    /// The connection's identifier.
    pub connection_identifier: Option<String>,
    /// Exactly this stored context set.
    pub contexts: Option<String>,
    /// How it stands.
    pub status: Option<HealthStatus>,
}

impl Store {
    /// A page of endpoints.
    pub async fn list_endpoints(
        &self,
        ctx: &Ctx,
        filter: &EndpointFilter,
        cursor: &Cursor,
    ) -> Result<Page<Endpoint>, StoreError> {
        let integrations = self
            .integrations_matching(
                ctx,
                None,
                filter.provider_id.as_deref(),
                filter.integration_identifier.as_deref(),
            )
            .await?;
        let mut list = List::of(ctx, ENDPOINTS).covered();
        if let Some(integrations) = integrations {
            list.one_of(INTEGRATION, integrations);
        }
        if let Some(subscriber) = filter.subscriber {
            list.equals(SUBSCRIBER, subscriber);
        }
        if let Some(channel) = filter.channel {
            list.equals(CHANNEL, channel.wire());
        }
        if let Some(identifier) = &filter.connection_identifier {
            list.equals(CONNECTION, identifier);
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
