//! Connections: whose grant it is. A connection is one integration, one subscriber or none, and one set of contexts;
//! the database lets each such combination exist once.

pub mod aliases;
pub mod list;
pub mod remove;
pub mod write;

use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::{Value, json};

use crate::db::{Columns, FromRow, Source, StoreError};
use crate::grants::{self, Grant};
use crate::page::Listed;
use crate::{Store, args, queries};

pub use list::ConnectionFilter;
pub(crate) use remove::take_subscriber;
pub use write::{InTheWay, NewConnection};

/// The conflict of two connections of one integration, subscriber and context set.
pub const SCOPE: &str = "connections_scope";
/// The conflict of two connections with one identifier.
pub const IDENTIFIER: &str = "connections_identifier";
/// The conflict of two changes of one connection, or with the removal of what it names.
pub const CHANGED: &str = "connection changed meanwhile";

queries! {
    FIND = { from CONNECTIONS, "WHERE t.environment_id = $1 AND t.identifier = $2" };
    FIND_OF = { from CONNECTIONS, "WHERE t.environment_id = $1 AND t.subscriber = $2" };
    FIND_NAMED = { from CONNECTIONS, "WHERE t.environment_id = $1 AND t.identifier {in:$2}" };
    FIND_BY_ID = { from CONNECTIONS, "WHERE t.environment_id = $1 AND t.id = $2" };
    /// The subscriber's own goes before the shared one.
    FIND_OF_SCOPE = { from CONNECTIONS,
        "WHERE t.environment_id = $1 AND t.integration_id = $2 AND t.subscriber IN ($3, '') AND t.contexts = $4
        ORDER BY t.subscriber DESC LIMIT 1" };
}

/// A connection with what it names and rests on.
static CONNECTIONS: Source = Source {
    columns: "t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes",
    table: "connections",
    joins: "{join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}",
};

/// The vendor's workspace, tenant or organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The vendor's id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
}

impl Workspace {
    fn to_json(&self) -> Value {
        match &self.name {
            Some(name) => json!({ "id": self.id, "name": name }),
            None => json!({ "id": self.id }),
        }
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            id: value.get("id")?.as_str()?.to_owned(),
            name: value.get("name").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// One connection with its grant.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Our id.
    pub id: Id,
    /// The caller's id.
    pub identifier: String,
    /// The integration.
    pub integration_id: Id,
    /// The integration's identifier now.
    pub integration_identifier: String,
    /// The integration's provider.
    pub provider_id: String,
    /// The integration's channel.
    pub channel: Option<Channel>,
    /// Whose it is, by our id; nothing when it is shared.
    pub subscriber: Option<Id>,
    /// Whose it is, by the caller's id.
    pub subscriber_id: Option<String>,
    /// What it is for.
    pub contexts: ContextSet,
    /// Where it leads.
    pub workspace: Workspace,
    /// When it was made.
    pub created_at: Time,
    /// When its workspace or tokens were last set.
    pub updated_at: Time,
    /// What it rests on.
    pub grant: Grant,
}

impl FromRow for Connection {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            identifier: c.text()?,
            integration_id: c.id()?,
            integration_identifier: c.text()?,
            provider_id: c.text()?,
            channel: c.opt_text()?.as_deref().and_then(Channel::parse),
            subscriber: c.opt_id()?,
            subscriber_id: c.opt_text()?,
            contexts: ContextSet::from_stored(&c.text()?),
            workspace: Workspace::from_json(&c.json()?)
                .ok_or_else(|| StoreError::Corrupt("a connection's workspace has no id".to_owned()))?,
            created_at: c.time()?,
            updated_at: c.time()?,
            grant: Grant::from_row(c)?,
        })
    }
}

impl Listed for Connection {
    fn id(&self) -> Id {
        self.id
    }
}

impl Connection {
    /// What is announced of it: everything but the tokens, because it may be gone when the announcement is read.
    pub fn announced(&self) -> Value {
        json!({
            "identifier": self.identifier,
            "integrationIdentifier": self.integration_identifier,
            "providerId": self.provider_id,
            "subscriberId": self.subscriber_id,
            "contextKeys": self.contexts.keys(),
            "workspace": self.workspace.to_json(),
            "status": self.grant.status.wire(),
        })
    }
}

/// Whether a commit lost against somebody who wrote the same connection, grant, or what they name: worth reading again.
pub fn lost_race(error: &StoreError) -> bool {
    [SCOPE, IDENTIFIER, CHANGED, grants::EXISTS, grants::CHANGED]
        .iter()
        .any(|name| error.is_conflict(name))
}

impl Store {
    /// One connection by the caller's id.
    pub async fn connection(&self, ctx: &Ctx, identifier: &str) -> Result<Option<Connection>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, identifier]).await
    }

    /// One connection by our id.
    pub async fn connection_by_id(&self, ctx: &Ctx, id: Id) -> Result<Option<Connection>, StoreError> {
        self.db.first(&FIND_BY_ID, args![ctx.environment, id]).await
    }

    /// The connection that a subscriber uses at an integration for this context set: their own, else the shared one.
    pub async fn connection_of_scope(
        &self,
        ctx: &Ctx,
        integration: Id,
        subscriber: Id,
        contexts: &ContextSet,
    ) -> Result<Option<Connection>, StoreError> {
        let row = args![ctx.environment, integration, subscriber, contexts.stored()];
        self.db.first(&FIND_OF_SCOPE, row).await
    }

    /// The connections with these identifiers.
    pub async fn connections_named(&self, ctx: &Ctx, identifiers: Vec<String>) -> Result<Vec<Connection>, StoreError> {
        if identifiers.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_NAMED, args![ctx.environment, identifiers]).await
    }

    /// The connections that belong to a subscriber.
    pub async fn connections_of(&self, ctx: &Ctx, subscriber: Id) -> Result<Vec<Connection>, StoreError> {
        self.db.all(&FIND_OF, args![ctx.environment, subscriber]).await
    }
}
