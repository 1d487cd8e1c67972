//! Inbox sessions are tokens that nobody stores. What is stored is how often a subscriber's sessions were ended: a token
//! that began with another count is of no use any more.

use campanile_model::{Ctx, Id};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::subscribers::{CHANGED, Subscriber};
use crate::{Store, args, queries};

queries! {
    EPOCH = "SELECT session_epoch FROM subscribers WHERE environment_id = $1 AND id = $2";
    END_ALL = "UPDATE subscribers SET session_epoch = session_epoch + 1 WHERE environment_id = $1 AND id = $2";
}

struct Epoch(i64);

impl FromRow for Epoch {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

impl Store {
    /// How often the subscriber's sessions were ended; nothing when there is no such subscriber (any more).
    pub async fn session_epoch(&self, ctx: &Ctx, subscriber: Id) -> Result<Option<i64>, StoreError> {
        let epoch = self
            .db
            .first::<Epoch>(&EPOCH, args![ctx.environment, subscriber])
            .await?;
        Ok(epoch.map(|Epoch(count)| count))
    }

    /// Ends all sessions that the subscriber has. All nodes are told, because they remember counts for a while.
    pub fn end_sessions(&self, batch: &mut Batch, ctx: &Ctx, subscriber: &Subscriber) {
        batch.expect(&END_ALL, args![ctx.environment, subscriber.id], CHANGED);
        batch.change_configuration();
    }
}
