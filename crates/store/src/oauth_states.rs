//! OAuth states that came back: each works once.

use std::time::Duration;

use campanile_model::Ctx;

use crate::db::{Batch, StoreError};
use crate::{Store, args, queries};

/// The conflict of a state that was used before.
pub const USED: &str = "oauth state used";
/// Used states are kept for longer than any state lives.
const KEPT: Duration = Duration::from_hours(1);

queries! {
    INSERT = {
        insert "oauth_states",
        "environment_id text, nonce text, created_at int",
        "ON CONFLICT (environment_id, nonce) DO NOTHING"
    };
    SWEEP = "DELETE FROM oauth_states WHERE created_at <= $1";
}

impl Store {
    /// Records that a state was used; false when it was used before. When this returns, no other node accepts it.
    pub async fn use_oauth_state(&self, ctx: &Ctx, nonce: &str) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.expect(&INSERT, args![ctx.environment, nonce, self.now()], USED);
        match self.commit(batch).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict(USED) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes used states and one-time codes that are past their time anyway.
    pub async fn sweep_links(&self) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&SWEEP, args![self.now().minus(KEPT)]);
        batch.add(&crate::link_codes::SWEEP, args![self.now().minus(KEPT)]);
        self.commit(batch).await.map(drop)
    }
}
