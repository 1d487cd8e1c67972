//! Changes on their way to outbound webhooks: read while they are pending, and marked when their deliveries are made.

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

/// The conflict of relaying a change that another process has relayed meanwhile.
pub const RELAYED: &str = "change relayed meanwhile";

const BODY: &str = "changes.body";

queries! {
    PENDING = "SELECT c.environment_id, e.organization_id, c.id, c.kind, c.object, c.created_at
        FROM changes c {join_one:environments e ON e.id = c.environment_id}
        WHERE c.pending ORDER BY c.id LIMIT $1";
    RELAY = {
        many
        sqlite: "UPDATE changes SET pending = FALSE, body = $3 WHERE environment_id = $1 AND id = $2 AND pending",
        postgres: "UPDATE changes SET pending = FALSE, body = made.body
            FROM unnest($1::text[], $2::text[], $3::text[]) AS made (environment_id, id, body)
            WHERE changes.environment_id = made.environment_id AND changes.id = made.id AND changes.pending",
    };
    INSERT_FOR_ONE = {
        insert "changes",
        "environment_id text, id text, kind text, object text, created_at int, pending bool, body text"
    };
    ENDPOINTS = "SELECT t.identifier, i.identifier, i.provider_id, s.subscriber_id, t.contexts, t.kind,
            t.connection_identifier
        FROM endpoints t
        {join_one:integrations i ON i.environment_id = t.environment_id AND i.id = t.integration_id}
        LEFT {join_one:subscribers s ON s.environment_id = t.environment_id AND s.id = t.subscriber_id}
        WHERE t.environment_id = $1 AND t.identifier {in:$2}";
}

/// A change that nobody was told of yet.
#[derive(Clone, Debug)]
pub struct PendingChange {
    /// Where it happened.
    pub environment_id: Id,
    /// Whose it is.
    pub organization_id: Id,
    /// The webhook-id.
    pub id: Id,
    /// Such as `connection.revoked`.
    pub kind: String,
    /// What it happened to, as it was announced.
    pub object: Map<String, Value>,
    /// When.
    pub created_at: Time,
}

impl PendingChange {
    /// The context in which it is relayed.
    pub fn ctx(&self) -> Ctx {
        Ctx::system(self.organization_id, self.environment_id, self.id.to_string())
    }

    /// The identifier of what it happened to.
    pub fn identifier(&self) -> Option<&str> {
        self.object.get("identifier").and_then(Value::as_str)
    }
}

impl FromRow for PendingChange {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            environment_id: c.id()?,
            organization_id: c.id()?,
            id: c.id()?,
            kind: c.text()?,
            // One row that is damaged must not hold up the others for ever: it is told of without its object.
            object: serde_json::from_str(&c.text()?).unwrap_or_default(),
            created_at: c.time()?,
        })
    }
}

/// What is known of an endpoint besides what a change says of it, for the data of a webhook; nothing secret.
#[derive(Clone, Debug)]
pub struct EndpointFacts {
    /// The endpoint's identifier.
    pub identifier: String,
    /// The members.
    pub members: Map<String, Value>,
}

impl FromRow for EndpointFacts {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (identifier, integration, provider) = (c.text()?, c.text()?, c.text()?);
        let (subscriber, contexts) = (c.opt_text()?, ContextSet::from_stored(&c.text()?));
        let (kind, connection) = (c.text()?, c.opt_text()?);
        let members = [
            ("identifier", Value::from(identifier.as_str())),
            ("integrationIdentifier", integration.into()),
            ("connectionIdentifier", json!(connection)),
            ("providerId", provider.into()),
            ("subscriberId", json!(subscriber)),
            ("contextKeys", json!(contexts.keys())),
            ("type", kind.into()),
        ];
        Ok(Self {
            identifier,
            members: members
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
        })
    }
}

impl Store {
    /// The oldest changes that nobody was told of yet, over all environments.
    pub async fn pending_changes(&self, limit: usize) -> Result<Vec<PendingChange>, StoreError> {
        self.db.all(&PENDING, args![limit]).await
    }

    /// Adds the end of a change's relay: its mark is cleared, and what goes out of it is kept when somebody gets it.
    /// The commit fails with [`RELAYED`] when another process was quicker.
    pub fn relay_change(
        &self,
        batch: &mut Batch,
        change: &PendingChange,
        body: Option<&str>,
    ) -> Result<(), StoreError> {
        let sealed = body.map(|body| self.seal_body(change.id, body)).transpose()?;
        batch.expect(&RELAY, args![change.environment_id, change.id, sealed], RELAYED);
        Ok(())
    }

    /// What goes out may hold a link that mends a connection, so it is sealed.
    fn seal_body(&self, change: Id, body: &str) -> Result<String, StoreError> {
        let row = &change.to_string();
        self.secrets.seal(Place { column: BODY, row }, body)
    }

    pub(crate) fn open_body(&self, change: Id, sealed: &str) -> Result<String, StoreError> {
        let row = &change.to_string();
        self.secrets.open(Place { column: BODY, row }, sealed)
    }

    /// Adds a change that only one webhook endpoint is told of, whose delivery the same batch makes.
    pub fn insert_change_for_one(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        id: Id,
        kind: &str,
        object: &Value,
        body: &str,
    ) -> Result<(), StoreError> {
        let sealed = self.seal_body(id, body)?;
        batch.add(
            &INSERT_FOR_ONE,
            args![ctx.environment, id, kind, object, self.now(), false, sealed],
        );
        Ok(())
    }

    /// What is known of these endpoints.
    pub async fn endpoint_facts(&self, ctx: &Ctx, identifiers: Vec<String>) -> Result<Vec<EndpointFacts>, StoreError> {
        if identifiers.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&ENDPOINTS, args![ctx.environment, identifiers]).await
    }
}
