//! An endpoint that its person linked once more: it stays what it is, and hangs on the connection that was used now.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id};

use super::{CHANGED, Endpoint, TAKE_CONNECTION};
use crate::db::Batch;
use crate::{Store, args, queries};

queries! {
    RELINK = "UPDATE endpoints SET connection_id = $3, connection_identifier = $4, reason = NULL, last_error = NULL,
        since = CASE WHEN status = 'active' THEN since ELSE $5 END,
        health_change = CASE WHEN status = 'active' THEN health_change ELSE $6 END,
        status = 'active', updated_at = $5
        WHERE environment_id = $1 AND id = $2";
}

impl Store {
    /// Hangs an endpoint on this connection; it is `active` again. See [`super::lost_race`] for how the commit may fail.
    pub fn relink_endpoint(&self, batch: &mut Batch, ctx: &Ctx, endpoint: &Endpoint, connection: Option<(Id, String)>) {
        let (now, change) = (self.now(), self.new_id());
        let (id, identifier) = connection.unzip();
        if let Some(id) = id {
            batch.expect(&TAKE_CONNECTION, args![ctx.environment, id], CHANGED);
        }
        let row = args![ctx.environment, endpoint.id, id, identifier, now, change];
        batch.expect(&RELINK, row, CHANGED);
        self.announce_endpoint(batch, ctx, endpoint.id, change, HealthStatus::Active);
    }
}
