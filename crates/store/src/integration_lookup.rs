//! What connections and endpoints need to know of an integration.

use campanile_model::{Channel, Ctx, Id};
use serde_json::{Map, Value};

use crate::db::{Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

queries! {
    FIND = "SELECT id, identifier, provider_id, channel, credentials FROM integrations
        WHERE environment_id = $1 AND identifier = $2 AND deleted_at IS NULL";
}

/// An integration as connections and endpoints see it. It may be inactive and of any channel.
#[derive(Clone, Debug)]
pub struct ChannelIntegration {
    /// Our id.
    pub id: Id,
    /// The caller's id.
    pub identifier: String,
    /// The provider.
    pub provider_id: String,
    /// The channel, if it delivers.
    pub channel: Option<Channel>,
    credentials: String,
}

impl FromRow for ChannelIntegration {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            identifier: c.text()?,
            provider_id: c.text()?,
            channel: c.opt_text()?.as_deref().and_then(Channel::parse),
            credentials: c.text()?,
        })
    }
}

impl Store {
    /// The integration with this identifier, unless it is deleted.
    pub async fn integration_for_channels(
        &self,
        ctx: &Ctx,
        identifier: &str,
    ) -> Result<Option<ChannelIntegration>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, identifier]).await
    }

    /// The integration's credentials.
    pub fn open_integration_credentials(
        &self,
        integration: &ChannelIntegration,
    ) -> Result<Map<String, Value>, StoreError> {
        let place = Place {
            column: "integrations.credentials",
            row: &integration.id.to_string(),
        };
        let text = self.secrets.open(place, &integration.credentials)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("integration credentials are not JSON".to_owned()))
    }
}
