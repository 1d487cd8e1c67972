//! How connections go, and what becomes of their endpoints.

use campanile_model::{Ctx, Id};

use super::{CHANGED, Connection, aliases};
use crate::db::{Batch, StoreError};
use crate::grants;
use crate::subscribers::Subscriber;
use crate::{Store, args, queries};

/// Why endpoints of a deleted connection do not work.
const DELETED: &str = "its connection was deleted";

queries! {
    DELETE = "DELETE FROM connections WHERE environment_id = $1 AND id = $2 AND grant_id = $3";
    /// Takes the subscriber's row, so that it is not removed under what begins to name it.
    TAKE_SUBSCRIBER = "UPDATE subscribers SET updated_at = updated_at WHERE environment_id = $1 AND id = $2";
    /// Changes the one row only when no connection names the subscriber any more.
    NONE_LEFT = "UPDATE subscribers SET updated_at = updated_at WHERE environment_id = $1 AND id = $2
        AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.environment_id = $1 AND c.subscriber = $2)";
    ANNOUNCE_BROKEN = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, substr($3, 1, 12) || substr(e.id, 13, 12), 'endpoint.broken',
                json_object('identifier', e.identifier, 'status', 'broken', 'reason', $4), $5
            FROM endpoints e WHERE e.environment_id = $1 AND e.connection_id = $2 AND e.status <> 'broken'",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, substr($3::text, 1, 12) || substr(e.id, 13, 12), 'endpoint.broken',
                json_build_object('identifier', e.identifier, 'status', 'broken', 'reason', $4::text)::text, $5::int8
            FROM endpoints e WHERE e.environment_id = $1 AND e.connection_id = $2 AND e.status <> 'broken'",
    };
    /// The endpoints keep the text of the connection's identifier.
    BREAK = "UPDATE endpoints SET connection_id = NULL, reason = $3,
        since = CASE WHEN status = 'broken' THEN since ELSE $4 END, status = 'broken'
        WHERE environment_id = $1 AND connection_id = $2";
}

impl Store {
    /// Removes a connection, and its grant when it was the last one there. Its endpoints stay and turn `broken`.
    /// Nothing is revoked at the vendor.
    pub fn delete_connection(&self, batch: &mut Batch, ctx: &Ctx, connection: &Connection) {
        self.remove_connection(batch, ctx, connection, None);
    }

    /// The same; when it was the last one on its grant, the vendor is asked to revoke the tokens. See [`lost_race`] for
    /// how the commit may fail.
    pub fn revoke_connection(&self, batch: &mut Batch, ctx: &Ctx, connection: &Connection) -> Result<(), StoreError> {
        let burial = self.bury(ctx, connection)?;
        self.remove_connection(batch, ctx, connection, Some(burial));
        Ok(())
    }

    fn remove_connection(&self, batch: &mut Batch, ctx: &Ctx, connection: &Connection, burial: Option<Batch>) {
        let (now, change) = (self.now(), self.new_id());
        let this = || args![ctx.environment, connection.id];
        grants::take(batch, ctx, connection.grant.id);
        let mut delete = this();
        delete.extend(args![connection.grant.id]);
        batch.expect(&DELETE, delete, CHANGED);
        aliases::forget(batch, ctx, connection.id);
        let mut announce = this();
        announce.extend(args![change, DELETED, now]);
        batch.add(&ANNOUNCE_BROKEN, announce);
        let mut broken = this();
        broken.extend(args![DELETED, now]);
        batch.add(&BREAK, broken);
        if let Some(burial) = burial {
            batch.append(burial);
        }
        self.leave_grant(batch, ctx, connection.grant.id);
        self.announce(batch, ctx, "connection.deleted", &connection.announced());
    }

    /// Removes the connections that a subscriber, who is about to be deleted, was read to have. The commit fails with
    /// [`CHANGED`] when there are others meanwhile.
    pub fn delete_connections_of(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        subscriber: &Subscriber,
        connections: &[Connection],
    ) {
        take_subscriber(batch, ctx, subscriber.id);
        for connection in connections {
            self.delete_connection(batch, ctx, connection);
        }
        batch.expect(&NONE_LEFT, args![ctx.environment, subscriber.id], CHANGED);
    }
}

/// Keeps a subscriber from being removed until the batch is committed, which fails with [`CHANGED`] when they are gone
/// already.
pub(crate) fn take_subscriber(batch: &mut Batch, ctx: &Ctx, subscriber: Id) {
    batch.expect(&TAKE_SUBSCRIBER, args![ctx.environment, subscriber], CHANGED);
}
