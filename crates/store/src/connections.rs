//! Connections: whose grant it is. A connection is one integration, one subscriber or none, and one set of contexts;
//! the database lets each such combination exist once.

pub mod aliases;

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::{Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::grants::consent::Consent;
use crate::grants::{self, Grant, Landing, Tokens};
use crate::integrations::Integration;
use crate::page::{Cursor, List, Listed, Page};
use crate::subscribers::Subscriber;
use crate::{Store, args, queries};

/// The conflict of two connections of one integration, subscriber and context set.
pub const SCOPE: &str = "connections_scope";
/// The conflict of two connections with one identifier.
pub const IDENTIFIER: &str = "connections_identifier";
/// The conflict of two changes of one connection, or with the removal of what it names.
pub const CHANGED: &str = "connection changed meanwhile";

/// Why endpoints of a deleted connection do not work.
const DELETED: &str = "its connection was deleted";

queries! {
    FIND = "SELECT t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM connections t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}
        WHERE t.environment_id = $1 AND t.identifier = $2";
    FIND_OF = "SELECT t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM connections t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}
        WHERE t.environment_id = $1 AND t.subscriber = $2";
    FIND_NAMED = "SELECT t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM connections t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}
        WHERE t.environment_id = $1 AND t.identifier {in:$2}";
    FIND_BY_ID = "SELECT t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM connections t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}
        WHERE t.environment_id = $1 AND t.id = $2";
    /// The subscriber's own goes before the shared one.
    FIND_OF_SCOPE = "SELECT t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
        s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
        g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
        g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes
        FROM connections t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        {join_one:grants g ON g.id = t.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}
        WHERE t.environment_id = $1 AND t.integration_id = $2 AND t.subscriber IN ($3, '') AND t.contexts = $4
        ORDER BY t.subscriber DESC LIMIT 1";
    IN_THE_WAY = "SELECT identifier, integration_id, subscriber, contexts FROM connections
        WHERE environment_id = $1 AND (identifier = $2 OR (integration_id = $3 AND subscriber = $4 AND contexts = $5))";
    INSERT = {
        insert "connections",
        "environment_id text, id text, identifier text, integration_id text, grant_id text, subscriber text, contexts text, workspace text, created_at int, updated_at int"
    };
    UPDATE = "UPDATE connections SET grant_id = $4, workspace = $5, updated_at = $6
        WHERE environment_id = $1 AND id = $2 AND grant_id = $3";
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
    /// Callers know connections by identifier, so one that is made again under the old one takes its endpoints back.
    MEND = "UPDATE endpoints SET connection_id = $4, reason = NULL,
        since = CASE WHEN status = 'active' THEN since ELSE $5 END,
        health_change = CASE WHEN status = 'active' THEN health_change ELSE $6 END, status = 'active'
        WHERE environment_id = $1 AND integration_id = $2 AND connection_identifier = $3 AND connection_id IS NULL";
    ANNOUNCE_MENDED = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, substr($3, 1, 12) || substr(e.id, 13, 12), 'endpoint.recovered',
                json_object('identifier', e.identifier, 'status', e.status, 'reason', e.reason), $4
            FROM endpoints e WHERE e.environment_id = $1 AND e.connection_id = $2 AND e.health_change = $3",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, substr($3::text, 1, 12) || substr(e.id, 13, 12), 'endpoint.recovered',
                json_build_object('identifier', e.identifier, 'status', e.status, 'reason', e.reason)::text, $4::int8
            FROM endpoints e WHERE e.environment_id = $1 AND e.connection_id = $2 AND e.health_change = $3::text",
    };
}

const COLUMNS: &str = "t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.channel, t.subscriber,
    s.subscriber_id, t.contexts, t.workspace, t.created_at, t.updated_at,
    g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
    g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes";
/// Connections on grants of one status. The join is crossed so that SQLite begins with the grants: few are not active.
const OF_STATUS: &str = "t.id IN (SELECT c.id FROM grants g CROSS JOIN connections c
    WHERE g.status = {} AND c.grant_id = g.id AND c.environment_id = $1)";
/// Those on grants that are not active.
const NOT_ACTIVE: &str = "t.id IN (SELECT c.id FROM grants g CROSS JOIN connections c
    WHERE g.status IN ('expiring', 'degraded', 'needs_reauth', 'revoked', 'broken')
    AND c.grant_id = g.id AND c.environment_id = $1)";
const JOINS: &str = "{join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
    {join_one:grants g ON g.id = t.grant_id}
    LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber}";

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

/// A connection to be made.
#[derive(Debug)]
pub struct NewConnection<'a> {
    /// The identifier, given or generated.
    pub identifier: String,
    /// The integration.
    pub integration: &'a Integration,
    /// Whose it is; nothing when it is shared.
    pub owner: Option<&'a Subscriber>,
    /// What it is for.
    pub contexts: ContextSet,
    /// Where it leads.
    pub workspace: Workspace,
}

/// What a list of connections is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Whose: row ids of subscribers, and the empty text for shared ones. An empty list matches nothing.
    pub owners: Option<Vec<String>>,
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

/// An existing connection that keeps a new one from being made.
#[derive(Clone, Debug)]
pub struct InTheWay {
    /// Its identifier.
    pub identifier: String,
    integration_id: Id,
    subscriber: String,
    contexts: String,
}

impl InTheWay {
    /// Whether it is of the same integration, subscriber and context set; otherwise it only has the same identifier.
    pub fn has_scope_of(&self, new: &NewConnection<'_>) -> bool {
        self.integration_id == new.integration.id
            && self.subscriber == owner_key(new.owner)
            && self.contexts == new.contexts.stored()
    }

    /// Whether it is of the same subscriber and context set, whatever its integration: then a subscriber session could
    /// not tell the two apart by one identifier.
    pub fn has_owner_of(&self, new: &NewConnection<'_>) -> bool {
        self.subscriber == owner_key(new.owner) && self.contexts == new.contexts.stored()
    }
}

impl FromRow for InTheWay {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            identifier: c.text()?,
            integration_id: c.id()?,
            subscriber: c.text()?,
            contexts: c.text()?,
        })
    }
}

/// How an owner is stored: an absent one as the empty text, so that the database can compare it.
fn owner_key(owner: Option<&Subscriber>) -> String {
    owner.map(|owner| owner.id.to_string()).unwrap_or_default()
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

    /// A page of connections.
    pub async fn list_connections(
        &self,
        ctx: &Ctx,
        filter: &ConnectionFilter,
        cursor: &Cursor,
    ) -> Result<Page<Connection>, StoreError> {
        let integrations = self
            .integrations_matching(ctx, filter.channel, &filter.provider_id, &filter.integration_identifier)
            .await?;
        let mut list = List::new(ctx, COLUMNS, "connections").joined(JOINS).covered();
        if let Some(integrations) = integrations {
            list.one_of("t.integration_id", integrations);
        }
        if let Some(owners) = &filter.owners {
            list.several("t.subscriber {in:{}}", owners.clone());
        }
        if let Some(contexts) = &filter.contexts {
            list.filter("t.contexts = {}", contexts);
        }
        if let Some(status) = filter.status {
            if status == HealthStatus::Active {
                list.mostly(
                    "EXISTS (SELECT 1 FROM grants g WHERE g.id = t.grant_id AND g.status = 'active')",
                    NOT_ACTIVE,
                );
            } else {
                list.several(OF_STATUS, status.wire());
            }
        }
        list.page(&self.db, cursor).await
    }

    /// What keeps a connection from being made: one of the same scope, one with the same identifier, or both.
    pub async fn connections_in_the_way(
        &self,
        ctx: &Ctx,
        new: &NewConnection<'_>,
    ) -> Result<Vec<InTheWay>, StoreError> {
        let row = args![
            ctx.environment,
            &new.identifier,
            new.integration.id,
            owner_key(new.owner),
            new.contexts.stored()
        ];
        self.db.all(&IN_THE_WAY, row).await
    }

    /// Adds a new connection on the grant of these tokens. See [`lost_race`] for how the commit may fail.
    pub async fn create_connection(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        new: NewConnection<'_>,
        tokens: &Tokens,
    ) -> Result<Connection, StoreError> {
        let landing = self
            .land(ctx, &new.integration.provider_id, &new.workspace.id, tokens, None)
            .await?;
        Ok(self.place_connection(batch, ctx, new, landing))
    }

    /// Adds a new connection on the grant of a customer's consent. See [`lost_race`] for how the commit may fail.
    pub async fn connect_by_consent(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        new: NewConnection<'_>,
        consent: &Consent<'_>,
    ) -> Result<Connection, StoreError> {
        let landing = self.land_consent(ctx, &new.integration.provider_id, consent).await?;
        Ok(self.place_connection(batch, ctx, new, landing))
    }

    fn place_connection(&self, batch: &mut Batch, ctx: &Ctx, new: NewConnection<'_>, landing: Landing) -> Connection {
        let (id, now) = (self.new_id(), self.now());
        if let Some(owner) = new.owner {
            take_subscriber(batch, ctx, owner.id);
        }
        batch.append(landing.before);
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                id,
                &new.identifier,
                new.integration.id,
                landing.grant.id,
                owner_key(new.owner),
                new.contexts.stored(),
                new.workspace.to_json(),
                now,
                now
            ],
        );
        let connection = Connection {
            id,
            identifier: new.identifier,
            integration_id: new.integration.id,
            integration_identifier: new.integration.identifier.clone(),
            provider_id: new.integration.provider_id.clone(),
            channel: new.integration.channel,
            subscriber: new.owner.map(|owner| owner.id),
            subscriber_id: new.owner.map(|owner| owner.subscriber_id.clone()),
            contexts: new.contexts,
            workspace: new.workspace,
            created_at: now,
            updated_at: now,
            grant: landing.grant,
        };
        self.announce(batch, ctx, "connection.created", &connection.announced());
        self.mend_endpoints(batch, ctx, &connection);
        connection
    }

    /// Gives a new connection the endpoints that an earlier one with its identifier has left.
    fn mend_endpoints(&self, batch: &mut Batch, ctx: &Ctx, connection: &Connection) {
        let (now, change) = (self.now(), self.new_id());
        batch.add(
            &MEND,
            args![
                ctx.environment,
                connection.integration_id,
                &connection.identifier,
                connection.id,
                now,
                change
            ],
        );
        batch.add(&ANNOUNCE_MENDED, args![ctx.environment, connection.id, change, now]);
    }

    /// Gives a connection another workspace and other tokens, which may move it to another grant. See [`lost_race`] for
    /// how the commit may fail.
    pub async fn update_connection(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Connection,
        workspace: Workspace,
        tokens: &Tokens,
    ) -> Result<Connection, StoreError> {
        let current = Some((&read.grant, read.id));
        let landing = self
            .land(ctx, &read.provider_id, &workspace.id, tokens, current)
            .await?;
        Ok(self.settle_connection(batch, ctx, read, workspace, landing))
    }

    /// Puts a connection on the grant of a customer's new consent. See [`lost_race`] for how the commit may fail.
    pub async fn reconnect_by_consent(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Connection,
        workspace: Workspace,
        consent: &Consent<'_>,
    ) -> Result<Connection, StoreError> {
        let landing = self.land_consent(ctx, &read.provider_id, consent).await?;
        Ok(self.settle_connection(batch, ctx, read, workspace, landing))
    }

    fn settle_connection(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Connection,
        workspace: Workspace,
        landing: Landing,
    ) -> Connection {
        let moved = landing.grant.id != read.grant.id;
        batch.append(landing.before);
        if moved {
            grants::take(batch, ctx, read.grant.id);
        }
        let connection = Connection {
            workspace,
            updated_at: self.now(),
            grant: landing.grant,
            ..read.clone()
        };
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                read.id,
                read.grant.id,
                connection.grant.id,
                connection.workspace.to_json(),
                connection.updated_at
            ],
            CHANGED,
        );
        if moved {
            self.leave_grant(batch, ctx, read.grant.id);
            if read.grant.status != HealthStatus::Active {
                let recovered = grants::changed(HealthStatus::Active);
                self.announce(batch, ctx, recovered, &connection.announced());
            }
        }
        connection
    }

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
