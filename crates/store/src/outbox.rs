//! Dev mode's outbox: what would have gone out, with the request to the provider, its secrets masked.

use campanile_model::{Ctx, Id, Time};
use serde_json::Value;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    INSERT = {
        insert "outbox",
        "environment_id text, id text, channel text, provider_id text, integration_identifier text, subscriber_id text, recipient text, content text, request text, created_at int"
    };
    LIST = "SELECT id, channel, provider_id, integration_identifier, subscriber_id, recipient, content, request, created_at
        FROM outbox WHERE environment_id {in:$1} ORDER BY id DESC LIMIT $2";
    CLEAR = "DELETE FROM outbox WHERE environment_id = $1";
}

/// One message that stayed here.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id, which stands for the provider's.
    pub id: Id,
    /// Through what it would have gone.
    pub channel: String,
    /// Through whom.
    pub provider_id: String,
    /// Through which account.
    pub integration_identifier: String,
    /// The caller's id of the subscriber.
    pub subscriber_id: String,
    /// Where to, as JSON.
    pub recipient: Value,
    /// The text.
    pub content: String,
    /// `{method, url, headers, body}`.
    pub request: Value,
    /// When.
    pub created_at: Time,
}

impl FromRow for Kept {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            channel: c.text()?,
            provider_id: c.text()?,
            integration_identifier: c.text()?,
            subscriber_id: c.text()?,
            recipient: c.json()?,
            content: c.text()?,
            request: c.json()?,
            created_at: c.time()?,
        })
    }
}

impl Store {
    /// Adds a message to the outbox.
    pub fn keep_in_outbox(&self, batch: &mut Batch, ctx: &Ctx, kept: &Kept) {
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                kept.id,
                &kept.channel,
                &kept.provider_id,
                &kept.integration_identifier,
                &kept.subscriber_id,
                &kept.recipient,
                &kept.content,
                &kept.request,
                kept.created_at
            ],
        );
    }

    /// The newest messages in the outbox of these environments.
    pub async fn outbox(&self, environments: Vec<Id>, limit: u32) -> Result<Vec<Kept>, StoreError> {
        self.db.all(&LIST, args![environments, limit]).await
    }

    /// Empties the outbox of an environment.
    pub fn clear_outbox(&self, batch: &mut Batch, environment: Id) {
        batch.add(&CLEAR, args![environment]);
    }
}
