//! Endpoints: places to deliver to. An address is sealed, because some carry a secret; where an address may exist only
//! once, a keyed hash of it is unique.

pub mod list;
pub mod relink;

use campanile_model::channel::HealthStatus;
use campanile_model::context::ContextSet;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::Value;

use crate::connections::Workspace;
use crate::db::{Batch, Columns, FromRow, Source, StoreError};
use crate::hooks::place_of;
use crate::integrations::Integration;
use crate::page::Listed;
use crate::secrets::Place;
use crate::subscribers::Subscriber;
use crate::{Store, args, queries};

pub use list::EndpointFilter;

/// The conflict of two endpoints with one identifier.
pub const IDENTIFIER: &str = "endpoints_identifier";
/// The conflict of two endpoints with one address, where that may exist only once.
pub const ADDRESS: &str = "endpoints_address";
/// The conflict of two changes of one endpoint, or with the removal of what it names.
pub const CHANGED: &str = "endpoint changed meanwhile";

pub(crate) const SEALED: &str = "endpoints.address";
/// A success is noted at most this often: the row of a busy endpoint is not written with every send.
const SUCCESS_NOTED_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

queries! {
    FIND = { from ENDPOINTS, "WHERE t.environment_id = $1 AND t.identifier = $2" };
    /// Those of inactive and deleted integrations are among them, and say so.
    FIND_OF = { from ENDPOINTS,
        "WHERE t.environment_id = $1 AND t.subscriber_id {in:$2} AND t.contexts = $3 AND t.channel = 'chat' ORDER BY t.id" };
    FIND_ADDRESS = "SELECT identifier FROM endpoints
        WHERE environment_id = $1 AND integration_id = $2 AND address_key = $3";
    /// Takes the connection's row, so that it is not removed under the endpoint that begins to name it.
    TAKE_CONNECTION = "UPDATE connections SET updated_at = updated_at WHERE environment_id = $1 AND id = $2";
    INSERT = {
        insert "endpoints",
        "environment_id text, id text, identifier text, integration_id text, connection_id text, connection_identifier text, subscriber_id text, contexts text, channel text, kind text, address text, address_key text, place text, status text, since int, created_at int, updated_at int"
    };
    UPDATE = "UPDATE endpoints SET address = $4, address_key = $5, reason = NULL, last_error = NULL,
        since = CASE WHEN status = 'active' THEN since ELSE $6 END,
        health_change = CASE WHEN status = 'active' THEN health_change ELSE $7 END,
        status = 'active', updated_at = $6, place = $8
        WHERE environment_id = $1 AND id = $2 AND address = $3";
    DELETE = "DELETE FROM endpoints WHERE environment_id = $1 AND id = $2";
    SET_HEALTH = "UPDATE endpoints SET status = $3, reason = $4, since = $5, health_change = $6
        WHERE environment_id = $1 AND id = $2 AND status <> $3";
    NOTE_FAILURE = "UPDATE endpoints SET reason = $4, last_error = $4
        WHERE environment_id = $1 AND id = $2 AND status = $3";
    NOTE_SUCCESS = "UPDATE endpoints SET last_success_at = $3
        WHERE environment_id = $1 AND id = $2 AND (last_success_at IS NULL OR last_success_at < $4)";
    ANNOUNCE = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, $3, $4,
                json_object('identifier', e.identifier, 'status', e.status, 'reason', e.reason), $5
            FROM endpoints e WHERE e.environment_id = $1 AND e.id = $2 AND e.health_change = $3",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT e.environment_id, $3::text, $4::text,
                json_build_object('identifier', e.identifier, 'status', e.status, 'reason', e.reason)::text, $5::int8
            FROM endpoints e WHERE e.environment_id = $1 AND e.id = $2 AND e.health_change = $3::text",
    };
}

/// An endpoint with what it names. A connection of another context set counts as none.
static ENDPOINTS: Source = Source {
    columns: "t.id, t.identifier, t.integration_id, i.identifier, i.provider_id, i.active AND i.deleted_at IS NULL,
        t.channel, t.connection_id, t.connection_identifier, c.grant_id, c.workspace, t.subscriber_id, s.subscriber_id,
        t.contexts, t.kind, t.address, t.status, t.reason, t.since, t.last_success_at, t.last_error,
        t.created_at, t.updated_at",
    table: "endpoints",
    joins: "{join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber_id}
        LEFT {join_one:connections c ON c.environment_id = t.environment_id AND c.id = t.connection_id
            AND c.contexts = t.contexts}",
};

/// One endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
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
    /// Whether the integration is active and not deleted.
    pub integration_active: bool,
    /// The integration's channel when the endpoint was made.
    pub channel: Option<Channel>,
    /// The connection, as long as it is there.
    pub connection_id: Option<Id>,
    /// The connection's identifier, also when it is gone.
    pub connection_identifier: Option<String>,
    /// The connection's grant. A connection of another context set counts as none.
    pub grant_id: Option<Id>,
    /// The connection's workspace, likewise.
    pub workspace: Option<Workspace>,
    /// Whose it is, by our id.
    pub subscriber: Id,
    /// Whose it is, by the caller's id.
    pub subscriber_id: Option<String>,
    /// What it is for.
    pub contexts: ContextSet,
    /// The endpoint type, such as `slack_channel`.
    pub kind: String,
    /// `active` or `broken`.
    pub status: HealthStatus,
    /// Why it does not work, in a sentence.
    pub reason: Option<String>,
    /// Since when it stands so.
    pub since: Time,
    /// When a send last worked, to the minute.
    pub last_success_at: Option<Time>,
    /// What last went wrong.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When its address was last set.
    pub updated_at: Time,
    address: String,
}

impl FromRow for Endpoint {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (id, identifier, integration_id) = (c.id()?, c.text()?, c.id()?);
        let (integration_identifier, provider_id, integration_active) = (c.text()?, c.text()?, c.bool()?);
        let channel = Channel::parse(&c.text()?);
        let (connection_id, connection_identifier, grant_id) = (c.opt_id()?, c.opt_text()?, c.opt_id()?);
        let workspace = c.opt_json()?.as_ref().and_then(Workspace::from_json);
        let (subscriber, subscriber_id) = (c.id()?, c.opt_text()?);
        let (contexts, kind, address) = (ContextSet::from_stored(&c.text()?), c.text()?, c.text()?);
        Ok(Self {
            id,
            identifier,
            integration_id,
            integration_identifier,
            provider_id,
            integration_active,
            channel,
            connection_id,
            connection_identifier,
            grant_id,
            workspace,
            subscriber,
            subscriber_id,
            contexts,
            kind,
            status: c.wire(HealthStatus::parse)?,
            reason: c.opt_text()?,
            since: c.time()?,
            last_success_at: c.opt_time()?,
            last_error: c.opt_text()?,
            created_at: c.time()?,
            updated_at: c.time()?,
            address,
        })
    }
}

impl Listed for Endpoint {
    fn id(&self) -> Id {
        self.id
    }
}

/// An endpoint to be made.
#[derive(Debug)]
pub struct NewEndpoint<'a> {
    /// The identifier, given or generated.
    pub identifier: String,
    /// The integration.
    pub integration: &'a Integration,
    /// The connection, by our id and the caller's.
    pub connection: Option<(Id, String)>,
    /// Whose it is.
    pub subscriber: &'a Subscriber,
    /// Whether the same batch makes the subscriber.
    pub subscriber_is_new: bool,
    /// What it is for.
    pub contexts: ContextSet,
    /// The endpoint type.
    pub kind: &'a str,
    /// The address in the API's form.
    pub address: &'a Value,
    /// What may exist only once on the integration, if there is such a thing.
    pub unique: Option<&'a str>,
}

/// Whether a commit lost against somebody who wrote the same endpoint, or what it names: worth reading again.
pub fn lost_race(error: &StoreError) -> bool {
    [
        IDENTIFIER,
        ADDRESS,
        CHANGED,
        crate::connections::CHANGED,
        crate::subscribers::EXISTS,
    ]
    .iter()
    .any(|name| error.is_conflict(name))
}

impl Store {
    /// One endpoint by the caller's id.
    pub async fn endpoint(&self, ctx: &Ctx, identifier: &str) -> Result<Option<Endpoint>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, identifier]).await
    }

    /// The chat endpoints of these subscribers with exactly this stored context set, oldest first.
    pub async fn endpoints_of(
        &self,
        ctx: &Ctx,
        subscriber_ids: Vec<Id>,
        contexts: &str,
    ) -> Result<Vec<Endpoint>, StoreError> {
        if subscriber_ids.is_empty() {
            return Ok(Vec::new());
        }
        let row = args![ctx.environment, subscriber_ids, contexts];
        self.db.all(&FIND_OF, row).await
    }

    /// The identifier of the endpoint that has what may exist only once.
    pub async fn endpoint_with_address(
        &self,
        ctx: &Ctx,
        integration: Id,
        unique: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = args![ctx.environment, integration, self.address_key(unique)];
        let found = self.db.first::<Identifier>(&FIND_ADDRESS, row).await?;
        Ok(found.map(|Identifier(identifier)| identifier))
    }

    /// The address in the API's form.
    pub fn open_address(&self, endpoint: &Endpoint) -> Result<Value, StoreError> {
        let place = Place {
            column: SEALED,
            row: &endpoint.id.to_string(),
        };
        let text = self.secrets.open(place, &endpoint.address)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("an endpoint's address is not JSON".to_owned()))
    }

    /// Adds a new endpoint. See [`lost_race`] for how the commit may fail.
    pub fn create_endpoint(&self, batch: &mut Batch, ctx: &Ctx, new: NewEndpoint<'_>) -> Result<Endpoint, StoreError> {
        let (id, now) = (self.new_id(), self.now());
        let (connection_id, connection_identifier) = new.connection.unzip();
        let address = self.seal_address(id, new.address)?;
        if !new.subscriber_is_new {
            crate::connections::take_subscriber(batch, ctx, new.subscriber.id);
        }
        if let Some(connection) = connection_id {
            batch.expect(&TAKE_CONNECTION, args![ctx.environment, connection], CHANGED);
        }
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                id,
                &new.identifier,
                new.integration.id,
                connection_id,
                connection_identifier.clone(),
                new.subscriber.id,
                new.contexts.stored(),
                new.integration.channel.map_or("", Channel::wire),
                new.kind,
                &address,
                new.unique.map(|unique| self.address_key(unique)),
                self.place_hash(new.kind, place_of(new.kind, new.address)),
                HealthStatus::Active.wire(),
                now,
                now,
                now
            ],
        );
        Ok(Endpoint {
            id,
            identifier: new.identifier,
            integration_id: new.integration.id,
            integration_identifier: new.integration.identifier.clone(),
            provider_id: new.integration.provider_id.clone(),
            integration_active: true,
            channel: new.integration.channel,
            connection_id,
            connection_identifier,
            grant_id: None,
            workspace: None,
            subscriber: new.subscriber.id,
            subscriber_id: Some(new.subscriber.subscriber_id.clone()),
            contexts: new.contexts,
            kind: new.kind.to_owned(),
            status: HealthStatus::Active,
            reason: None,
            since: now,
            last_success_at: None,
            last_error: None,
            created_at: now,
            updated_at: now,
            address,
        })
    }

    /// Gives an endpoint another address: it is `active` again. See [`lost_race`] for how the commit may fail.
    pub fn update_endpoint(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Endpoint,
        address: &Value,
        unique: Option<&str>,
    ) -> Result<Endpoint, StoreError> {
        let (now, change) = (self.now(), self.new_id());
        let sealed = self.seal_address(read.id, address)?;
        let row = args![
            ctx.environment,
            read.id,
            &read.address,
            &sealed,
            unique.map(|unique| self.address_key(unique)),
            now,
            change,
            self.place_hash(&read.kind, place_of(&read.kind, address))
        ];
        batch.expect(&UPDATE, row, CHANGED);
        self.announce_endpoint(batch, ctx, read.id, change, HealthStatus::Active);
        let was_active = read.status == HealthStatus::Active;
        Ok(Endpoint {
            status: HealthStatus::Active,
            reason: None,
            since: if was_active { read.since } else { now },
            last_error: None,
            updated_at: now,
            address: sealed,
            ..read.clone()
        })
    }

    /// Removes an endpoint; the commit fails with [`CHANGED`] when it is gone already.
    pub fn delete_endpoint(&self, batch: &mut Batch, ctx: &Ctx, endpoint: Id) {
        batch.expect(&DELETE, args![ctx.environment, endpoint], CHANGED);
    }

    /// Records how an endpoint stands; a real change is announced. A success is worth recording when the endpoint was
    /// not `active`, or its last noted success is more than a minute old.
    pub fn set_endpoint_health(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        endpoint: Id,
        status: HealthStatus,
        reason: Option<&str>,
    ) {
        let (now, change) = (self.now(), self.new_id());
        let this = || args![ctx.environment, endpoint];
        let mut set = this();
        set.extend(args![status.wire(), reason, now, change]);
        batch.add(&SET_HEALTH, set);
        let mut note = this();
        if status == HealthStatus::Active {
            note.extend(args![now, now.minus(SUCCESS_NOTED_EVERY)]);
            batch.add(&NOTE_SUCCESS, note);
        } else {
            note.extend(args![status.wire(), reason]);
            batch.add(&NOTE_FAILURE, note);
        }
        self.announce_endpoint(batch, ctx, endpoint, change, status);
    }

    pub(crate) fn announce_endpoint(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        endpoint: Id,
        change: Id,
        status: HealthStatus,
    ) {
        let kind = if status == HealthStatus::Active {
            "endpoint.recovered"
        } else {
            "endpoint.broken"
        };
        let row = args![ctx.environment, endpoint, change, kind, self.now()];
        batch.add(&ANNOUNCE, row);
    }

    pub(crate) fn seal_address(&self, endpoint: Id, address: &Value) -> Result<String, StoreError> {
        let place = Place {
            column: SEALED,
            row: &endpoint.to_string(),
        };
        self.secrets.seal(place, &address.to_string())
    }

    fn address_key(&self, unique: &str) -> String {
        self.secrets.lookup_hash("endpoint address", unique)
    }
}

struct Identifier(String);

impl FromRow for Identifier {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}
