//! What a subscriber session calls a connection. The official buttons ask for the same identifiers whatever the tenant,
//! and an identifier is unique in an environment: who comes second gets a generated one, and keeps the asked one as an
//! alias that only their own scope knows.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id};

use super::{CHANGED, CONNECTIONS, Connection};
use crate::db::{Batch, StoreError};
use crate::subscribers::Subscriber;
use crate::{Store, args, queries};

queries! {
    /// A subscriber's connection goes before a shared one, and its own identifier before an alias.
    FIND = { from CONNECTIONS,
        "WHERE t.environment_id = $1 AND t.subscriber {in:$3} AND t.contexts = $4 AND t.id IN
            (SELECT c.id FROM connections c WHERE c.environment_id = $1 AND c.identifier = $2
             UNION ALL
             SELECT a.connection_id FROM connection_aliases a WHERE a.environment_id = $1 AND a.alias = $2)
        ORDER BY t.subscriber DESC, CASE WHEN t.identifier = $2 THEN 0 ELSE 1 END LIMIT 1" };
    INSERT = {
        insert "connection_aliases",
        "environment_id text, alias text, subscriber text, contexts text, connection_id text, created_at int",
        "ON CONFLICT (environment_id, alias, subscriber, contexts) DO NOTHING"
    };
    FORGET = "DELETE FROM connection_aliases WHERE environment_id = $1 AND connection_id = $2";
}

/// Whose connections a subscriber session may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The subscriber's own.
    Own(Id),
    /// The shared ones of the context.
    Shared,
    /// Both; the subscriber's own go first.
    Either(Id),
}

impl Whose {
    /// This owner's; nobody's are the shared ones.
    pub fn of(owner: Option<&Subscriber>) -> Self {
        owner.map_or(Self::Shared, |owner| Self::Own(owner.id))
    }

    fn keys(self) -> Vec<String> {
        match self {
            Self::Own(id) => vec![id.to_string()],
            Self::Shared => vec![String::new()],
            Self::Either(id) => vec![id.to_string(), String::new()],
        }
    }
}

impl Store {
    /// The connection that a subscriber session calls so: by its identifier or its alias, never outside its own scope.
    pub async fn connection_in_session(
        &self,
        ctx: &Ctx,
        name: &str,
        whose: Whose,
        contexts: &ContextSet,
    ) -> Result<Option<Connection>, StoreError> {
        let row = args![ctx.environment, name, whose.keys(), contexts.stored()];
        self.db.first(&FIND, row).await
    }

    /// Lets a connection be called so in its own scope. The commit fails with [`CHANGED`] when another one is.
    pub fn add_alias(&self, batch: &mut Batch, ctx: &Ctx, alias: &str, connection: &Connection) {
        let subscriber = connection.subscriber.map(|id| id.to_string()).unwrap_or_default();
        batch.expect(
            &INSERT,
            args![
                ctx.environment,
                alias,
                subscriber,
                connection.contexts.stored(),
                connection.id,
                self.now()
            ],
            CHANGED,
        );
    }
}

/// Removes the aliases of a connection that is removed.
pub(super) fn forget(batch: &mut Batch, ctx: &Ctx, connection: Id) {
    batch.add(&FORGET, args![ctx.environment, connection]);
}
