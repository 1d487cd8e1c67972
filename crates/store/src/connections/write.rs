//! How connections are made, and put on other tokens.

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id};

use super::{CHANGED, Connection, Workspace, take_subscriber};
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::grants::consent::Consent;
use crate::grants::{self, Landing, Tokens};
use crate::integrations::Integration;
use crate::subscribers::Subscriber;
use crate::{Store, args, queries};

queries! {
    IN_THE_WAY = "SELECT identifier, integration_id, subscriber, contexts FROM connections
        WHERE environment_id = $1 AND (identifier = $2 OR (integration_id = $3 AND subscriber = $4 AND contexts = $5))";
    INSERT = {
        insert "connections",
        "environment_id text, id text, identifier text, integration_id text, grant_id text, subscriber text, contexts text, workspace text, created_at int, updated_at int"
    };
    /// A connection stands as its grant does, whose row is taken before.
    STANDS = "UPDATE connections SET status = (SELECT g.status FROM grants g WHERE g.id = connections.grant_id)
        WHERE environment_id = $1 AND id = $2 AND grant_id = $3";
    UPDATE = "UPDATE connections SET grant_id = $4, workspace = $5, updated_at = $6
        WHERE environment_id = $1 AND id = $2 AND grant_id = $3";
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

impl Store {
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
        // The grant may stand otherwise than it was read to.
        batch.add(&STANDS, args![ctx.environment, id, landing.grant.id]);
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
            batch.add(&STANDS, args![ctx.environment, read.id, connection.grant.id]);
            self.leave_grant(batch, ctx, read.grant.id);
            if read.grant.status != HealthStatus::Active {
                let recovered = grants::changed(HealthStatus::Active);
                self.announce(batch, ctx, recovered, &connection.announced());
            }
        }
        connection
    }
}
