//! What vendors tell about integrations, grants and endpoints: who is meant, and that it was told before.
//!
//! A grant belongs to the organization, so an event counts for all environments of it; the functions here cross from one
//! environment to another, and stay within the organization.

use std::time::Duration;

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Time};
use serde_json::Value;

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::endpoints;
use crate::grants::{Grant, Tokens};
use crate::integrations::Integration;
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of an event that was told before.
pub const TOLD_BEFORE: &str = "hook event";
/// The longest time over which a vendor repeats an event.
const KEPT: Duration = Duration::from_hours(48);
/// A service URL that stays the same is noted again after this.
const SERVICE_URL_NOTED_EVERY: Duration = Duration::from_hours(24);

queries! {
    FIND_INTEGRATION = "SELECT environment_id, organization_id, id, identifier, name, provider_id, channel, kind,
        credentials, configurations, conditions, active, is_primary, priority, send, created_at, updated_at
        FROM integrations WHERE id = $1 AND deleted_at IS NULL";
    FIND_OF_PROVIDER = "SELECT environment_id, organization_id, id, identifier, name, provider_id, channel, kind,
        credentials, configurations, conditions, active, is_primary, priority, send, created_at, updated_at
        FROM integrations WHERE organization_id = $1 AND provider_id = $2 AND deleted_at IS NULL";
    TELL = "INSERT INTO hook_events (integration_id, event_id, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (integration_id, event_id) DO NOTHING";
    SWEEP = "DELETE FROM hook_events WHERE (integration_id, event_id) IN
        (SELECT integration_id, event_id FROM hook_events WHERE created_at <= $1 ORDER BY created_at LIMIT 1000)";
    GRANTS_OF_WORKSPACE = {
        sqlite: "SELECT g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
            g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes, g.updated_at
            FROM grants g WHERE g.id IN (SELECT c.grant_id FROM connections c WHERE c.environment_id = $1
                AND c.integration_id = $2 AND (c.workspace ->> 'id') {in:$3})",
        postgres: "SELECT g.id, g.provider_id, g.grant_key, g.source, g.tokens, g.generation, g.status, g.reason, g.since,
            g.last_success_at, g.last_error, g.expires_at, g.scopes, g.missing_scopes, g.updated_at
            FROM grants g WHERE g.id IN (SELECT c.grant_id FROM connections c WHERE c.environment_id = $1
                AND c.integration_id = $2 AND (c.workspace::json ->> 'id') {in:$3})",
    };
    AT_PLACE = "SELECT e.id, e.kind, e.address, e.status, e.reason, c.workspace FROM endpoints e
        LEFT JOIN connections c ON c.environment_id = e.environment_id AND c.id = e.connection_id
        WHERE e.environment_id = $1 AND e.integration_id = $2 AND e.place {in:$3}";
    WITHOUT_PLACE = "SELECT environment_id, id, kind, address FROM endpoints WHERE place IS NULL ORDER BY id LIMIT $1";
    SET_PLACE = "UPDATE endpoints SET place = $3 WHERE environment_id = $1 AND id = $2 AND address = $4";
    MOVE = "UPDATE endpoints SET address = $4, place = $5, updated_at = $6
        WHERE environment_id = $1 AND id = $2 AND address = $3";
    FIND_SERVICE_URL = "SELECT service_url, updated_at FROM teams_service_urls
        WHERE organization_id = $1 AND client_id = $2 AND tenant_id = $3";
    SET_SERVICE_URL = "INSERT INTO teams_service_urls (organization_id, client_id, tenant_id, service_url, updated_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, client_id, tenant_id)
        DO UPDATE SET service_url = excluded.service_url, updated_at = excluded.updated_at";
}

/// An integration with the environment that it is in.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Whose it is.
    pub organization: Id,
    /// Where it is.
    pub environment: Id,
    /// What it is.
    pub integration: Integration,
}

impl FromRow for Placed {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            environment: c.id()?,
            organization: c.id()?,
            integration: Integration::from_row(c)?,
        })
    }
}

impl Placed {
    /// The server's own context in that environment.
    pub fn ctx(&self, request_id: &str) -> Ctx {
        Ctx::system(self.organization, self.environment, request_id)
    }
}

/// A grant, and when it last got tokens.
#[derive(Clone, Debug)]
pub struct Dated {
    /// The grant.
    pub grant: Grant,
    /// When it last got tokens, or a connection.
    pub updated_at: Time,
}

impl FromRow for Dated {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            grant: Grant::from_row(c)?,
            updated_at: c.time()?,
        })
    }
}

/// An endpoint that a vendor's event is about.
#[derive(Clone, Debug)]
pub struct Met {
    /// Its id.
    pub id: Id,
    /// Its type.
    pub kind: String,
    /// Its address in the API's form.
    pub address: Value,
    /// How it stands.
    pub status: HealthStatus,
    /// Why.
    pub reason: Option<String>,
    /// The workspace of its connection.
    pub workspace_id: Option<String>,
    sealed: String,
}

struct MetRow {
    id: Id,
    kind: String,
    sealed: String,
    status: HealthStatus,
    reason: Option<String>,
    workspace: Option<Value>,
}

impl FromRow for MetRow {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            kind: c.text()?,
            sealed: c.text()?,
            status: c.wire(HealthStatus::parse)?,
            reason: c.opt_text()?,
            workspace: c.opt_json()?,
        })
    }
}

struct Placeless {
    environment: Id,
    id: Id,
    kind: String,
    sealed: String,
}

impl FromRow for Placeless {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            environment: c.id()?,
            id: c.id()?,
            kind: c.text()?,
            sealed: c.text()?,
        })
    }
}

struct ServiceUrl(String, Time);

impl FromRow for ServiceUrl {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.text()?, c.time()?))
    }
}

/// What vendors name an endpoint by: of a channel in Teams its team, because that is what an app is removed from.
pub fn place_of<'a>(kind: &str, address: &'a Value) -> Option<&'a str> {
    let member = match kind {
        "slack_channel" => "channelId",
        "slack_user" | "ms_teams_user" => "userId",
        "ms_teams_channel" => "teamId",
        "telegram_chat" => "chatId",
        _ => return None,
    };
    address[member].as_str()
}

impl Store {
    /// An integration of any organization: who asks is a vendor that has yet to prove itself.
    pub async fn integration_anywhere(&self, id: Id) -> Result<Option<Placed>, StoreError> {
        self.db.first(&FIND_INTEGRATION, args![id]).await
    }

    /// The organization's integrations of this provider, in all environments.
    pub async fn integrations_of_provider(&self, ctx: &Ctx, provider_id: &str) -> Result<Vec<Placed>, StoreError> {
        self.db
            .all(&FIND_OF_PROVIDER, args![ctx.organization, provider_id])
            .await
    }

    /// Adds that an event was told; the commit fails with [`TOLD_BEFORE`] when it was told before.
    pub fn tell_hook_event(&self, batch: &mut Batch, integration: Id, event_id: &str) {
        let row = args![integration, event_id, self.clock.real()];
        batch.expect(&TELL, row, TOLD_BEFORE);
    }

    /// Forgets events that no vendor repeats any more.
    pub async fn sweep_hook_events(&self) -> Result<(), StoreError> {
        let mut batch = Batch::background();
        batch.add(&SWEEP, args![self.clock.real().minus(KEPT)]);
        self.db.commit(batch).await.map(|_| ())
    }

    /// The grants of an integration's connections to these workspaces.
    pub async fn grants_of_workspaces(
        &self,
        at: &Placed,
        workspaces: &[String],
    ) -> Result<Vec<(Dated, Tokens)>, StoreError> {
        let row = args![at.environment, at.integration.id, workspaces.to_vec()];
        let found = self.db.all::<Dated>(&GRANTS_OF_WORKSPACE, row).await?;
        found
            .into_iter()
            .map(|dated| self.open_tokens(&dated.grant).map(|tokens| (dated, tokens)))
            .collect()
    }

    /// The integration's endpoints of a type that a vendor names by one of these.
    pub async fn endpoints_at(&self, at: &Placed, kind: &str, names: &[&str]) -> Result<Vec<Met>, StoreError> {
        let places: Vec<String> = names.iter().map(|name| self.place_hash(kind, Some(name))).collect();
        let row = args![at.environment, at.integration.id, places];
        let found = self.db.all::<MetRow>(&AT_PLACE, row).await?;
        found
            .into_iter()
            .map(|row| {
                Ok(Met {
                    address: self.open_sealed_address(row.id, &row.sealed)?,
                    workspace_id: row.workspace.and_then(|one| Some(one.get("id")?.as_str()?.to_owned())),
                    id: row.id,
                    kind: row.kind,
                    status: row.status,
                    reason: row.reason,
                    sealed: row.sealed,
                })
            })
            .collect()
    }

    /// Adds that an endpoint can be reached again, as its vendor says; nothing was sent to it yet.
    pub fn mend_endpoint(&self, batch: &mut Batch, ctx: &Ctx, endpoint: Id) {
        let (now, change) = (self.now(), self.new_id());
        let row = args![
            ctx.environment,
            endpoint,
            HealthStatus::Active.wire(),
            Option::<String>::None,
            now,
            change
        ];
        batch.add(&endpoints::SET_HEALTH, row);
        self.announce_endpoint(batch, ctx, endpoint, change, HealthStatus::Active);
    }

    /// Adds another address of the same place: the vendor moved it. A caller's change meanwhile wins.
    pub fn move_endpoint(&self, batch: &mut Batch, ctx: &Ctx, met: &Met, address: &Value) -> Result<(), StoreError> {
        let sealed = self.seal_address(met.id, address)?;
        let place = self.place_hash(&met.kind, place_of(&met.kind, address));
        let row = args![ctx.environment, met.id, &met.sealed, &sealed, place, self.now()];
        batch.add(&MOVE, row);
        Ok(())
    }

    /// Makes the places of endpoints that were stored before there were any; whether there were some.
    pub async fn fill_places(&self) -> Result<bool, StoreError> {
        let rows = self.db.all::<Placeless>(&WITHOUT_PLACE, args![200i64]).await?;
        let mut batch = Batch::background();
        for row in &rows {
            let address = self.open_sealed_address(row.id, &row.sealed)?;
            let place = self.place_hash(&row.kind, place_of(&row.kind, &address));
            batch.add(&SET_PLACE, args![row.environment, row.id, place, &row.sealed]);
        }
        self.db.commit(batch).await?;
        Ok(!rows.is_empty())
    }

    /// The column `place` of an endpoint.
    pub(crate) fn place_hash(&self, kind: &str, name: Option<&str>) -> String {
        name.map_or_else(String::new, |name| {
            self.secrets.lookup_hash("endpoint place", &format!("{kind} {name}"))
        })
    }

    fn open_sealed_address(&self, endpoint: Id, sealed: &str) -> Result<Value, StoreError> {
        let row = endpoint.to_string();
        let place = Place {
            column: endpoints::SEALED,
            row: &row,
        };
        let text = self.secrets.open(place, sealed)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("an endpoint's address is not JSON".to_owned()))
    }

    /// Where Microsoft wants to be called for a tenant of this app, if an activity has told.
    pub async fn teams_service_url(
        &self,
        ctx: &Ctx,
        client_id: &str,
        tenant: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = args![ctx.organization, client_id, tenant];
        let found = self.db.first::<ServiceUrl>(&FIND_SERVICE_URL, row).await?;
        Ok(found.map(|ServiceUrl(url, _)| url))
    }

    /// Adds the service URL of a tenant, unless it was noted lately: each message brings it.
    pub async fn learn_teams_service_url(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        client_id: &str,
        tenant: &str,
        url: &str,
    ) -> Result<(), StoreError> {
        let this = || args![ctx.organization, client_id, tenant];
        let known = self.db.first::<ServiceUrl>(&FIND_SERVICE_URL, this()).await?;
        let now = self.now();
        if known.is_some_and(|ServiceUrl(known, at)| known == url && at.plus(SERVICE_URL_NOTED_EVERY) > now) {
            return Ok(());
        }
        let mut row = this();
        row.extend(args![url, now]);
        batch.add(&SET_SERVICE_URL, row);
        Ok(())
    }
}
