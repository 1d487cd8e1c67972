//! Deliveries: one message on its way to one address.

use campanile_model::channel::DeliveryState;
use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::Value;

use crate::connections::Workspace;
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::grants::Tokens;
use crate::hooks::{self, place_of};
use crate::preferences::Preference;
use crate::secrets::Place;
use crate::{Store, args, queries};

queries! {
    INSERT = {
        insert "deliveries",
        "environment_id text, message_id text, id text, integration_id text, endpoint_id text, address text, state text, attempts int, expires_at int, created_at int, updated_at int"
    };
    /// Everything that an attempt needs, in one read: the message, and the endpoint, the grant and the subscriber's
    /// preferences as they are now.
    FOR_ATTEMPT = "SELECT d.id, d.message_id, d.integration_id, d.endpoint_id, d.address, d.state, d.attempts, d.expires_at,
            m.notification_id, m.position, m.provider_id, m.content, m.subject, m.overrides, m.subscriber_id,
            e.identifier, e.kind, e.address, e.status, e.connection_identifier, e.last_success_at,
            g.id, g.tokens, g.generation, g.status, g.last_success_at, c.workspace,
            m.workflow_id, m.channel, s.profile,
            pa.subscriber_id, pa.contexts, pa.workflow_id, pa.in_app, pa.email, pa.sms, pa.chat, pa.push, pa.tool,
            pa.scheduled, pa.week, pa.updated_at,
            pw.subscriber_id, pw.contexts, pw.workflow_id, pw.in_app, pw.email, pw.sms, pw.chat, pw.push, pw.tool,
            pw.scheduled, pw.week, pw.updated_at, m.event_id
        FROM deliveries d
        {join_one:messages m ON m.environment_id = d.environment_id AND m.id = d.message_id}
        LEFT {join_one:endpoints e ON e.environment_id = d.environment_id AND e.id = d.endpoint_id}
        LEFT {join_one:connections c ON c.environment_id = e.environment_id AND c.id = e.connection_id AND c.contexts = e.contexts}
        LEFT {join_one:grants g ON g.id = c.grant_id}
        LEFT {join_one:subscribers s ON s.environment_id = m.environment_id AND s.id = m.subscriber_id}
        LEFT {join_one:preferences pa ON pa.environment_id = m.environment_id AND pa.subscriber_id = m.subscriber_id AND pa.contexts = m.contexts AND pa.workflow_id = ''}
        LEFT {join_one:preferences pw ON pw.environment_id = m.environment_id AND pw.subscriber_id = m.subscriber_id AND pw.contexts = m.contexts AND pw.workflow_id = m.workflow_id}
        WHERE d.environment_id = $1 AND d.message_id {in:$2}";
    OF_MESSAGES = "SELECT message_id, id, state, attempts, next_attempt_at, provider_message_id, outcome, updated_at
        FROM deliveries WHERE environment_id = $1 AND message_id {in:$2} ORDER BY message_id, id";
    /// What was canceled during an attempt is not tried again; what went out, went out.
    UPDATE = {
        many
        sqlite: "UPDATE deliveries SET
            state = CASE WHEN state = 'canceled' AND $4 IN ('waiting', 'held') THEN state ELSE $4 END, attempts = $5, provider_message_id = $6, outcome = $7,
            next_attempt_at = $8, updated_at = $9 WHERE environment_id = $1 AND message_id = $2 AND id = $3",
        postgres: "UPDATE deliveries SET
            state = CASE WHEN deliveries.state = 'canceled' AND made.state IN ('waiting', 'held')
                THEN deliveries.state ELSE made.state END, attempts = made.attempts,
            provider_message_id = made.provider_message_id, outcome = made.outcome,
            next_attempt_at = made.next_attempt_at, updated_at = made.updated_at
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[], $7::text[], $8::int8[], $9::int8[])
                AS made (environment_id, message_id, id, state, attempts, provider_message_id, outcome, next_attempt_at, updated_at)
            WHERE deliveries.environment_id = made.environment_id AND deliveries.message_id = made.message_id
                AND deliveries.id = made.id",
    };
    CANCEL = "UPDATE deliveries SET state = 'canceled', next_attempt_at = NULL, updated_at = $4
        WHERE environment_id = $1 AND state IN ('pending', 'waiting', 'held') AND message_id IN (
            SELECT id FROM messages WHERE environment_id = $1 AND notification_id = $2 AND position = $3)";
    /// A delivery's task has its id. One that is leased finds out itself.
    CANCEL_TASKS = "DELETE FROM tasks WHERE state IN (0, 1, 3) AND id IN (
        SELECT d.id FROM deliveries d JOIN messages m ON m.environment_id = d.environment_id AND m.id = d.message_id
        WHERE m.environment_id = $1 AND m.notification_id = $2 AND m.position = $3)";
}

/// A delivery to be stored.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id; providers get it as idempotency key.
    pub id: Id,
    /// The message.
    pub message_id: Id,
    /// The account.
    pub integration_id: Id,
    /// The endpoint, unless the address comes from elsewhere.
    pub endpoint_id: Option<Id>,
    /// The address with its type, when it does not come from the endpoint's row.
    pub address: Option<Value>,
    /// Until when it is worth sending.
    pub expires_at: Time,
}

/// A delivery with all that an attempt needs.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The delivery.
    pub id: Id,
    /// The message.
    pub message_id: Id,
    /// The account.
    pub integration_id: Id,
    /// The endpoint.
    pub endpoint_id: Option<Id>,
    own_address: Option<String>,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts that have ended.
    pub attempts: i64,
    /// Until when it is worth sending.
    pub expires_at: Time,
    /// The notification.
    pub notification_id: Id,
    /// The job's place.
    pub position: i64,
    /// The provider.
    pub provider_id: String,
    /// The text.
    pub content: String,
    /// The subject, where the channel has one.
    pub subject: Option<String>,
    overrides: String,
    /// Our id of the subscriber.
    pub subscriber_id: Id,
    /// The endpoint as it is now; nothing when it was deleted.
    pub endpoint: Option<AttemptEndpoint>,
    /// The grant as it is now.
    pub grant: Option<AttemptGrant>,
    /// The vendor's id of the connection's workspace, tenant or organisation.
    pub workspace_id: Option<String>,
    /// The event.
    pub event_id: Id,
    /// The workflow.
    pub workflow_id: Id,
    /// The channel.
    pub channel: Channel,
    /// The subscriber's time zone.
    pub timezone: Option<String>,
    /// What the subscriber chose for all workflows in the message's contexts.
    pub chosen_for_all: Option<Preference>,
    /// What they chose for this one.
    pub chosen: Option<Preference>,
}

/// The endpoint of an attempt.
#[derive(Clone, Debug)]
pub struct AttemptEndpoint {
    /// Its identifier.
    pub identifier: String,
    /// Its type.
    pub kind: String,
    address: String,
    /// Its health.
    pub status: String,
    /// The connection that it names, if any.
    pub connection_identifier: Option<String>,
    /// When a send to it last worked.
    pub last_success_at: Option<Time>,
}

/// The grant of an attempt.
#[derive(Clone, Debug)]
pub struct AttemptGrant {
    /// Its id.
    pub id: Id,
    tokens: String,
    /// Its generation: health is set only on the one that was used.
    pub generation: i64,
    /// Its health.
    pub status: String,
    /// When a call with it last worked.
    pub last_success_at: Option<Time>,
}

impl Attempt {
    /// Whether the address comes from elsewhere than the endpoint's row.
    pub fn has_own_address(&self) -> bool {
        self.own_address.is_some()
    }
}

impl FromRow for Attempt {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let mut attempt = Self {
            id: c.id()?,
            message_id: c.id()?,
            integration_id: c.id()?,
            endpoint_id: c.opt_id()?,
            own_address: c.opt_text()?,
            state: c.wire(DeliveryState::parse)?,
            attempts: c.int()?,
            expires_at: c.time()?,
            notification_id: c.id()?,
            position: c.int()?,
            provider_id: c.text()?,
            content: c.text()?,
            subject: c.opt_text()?,
            overrides: c.text()?,
            subscriber_id: c.id()?,
            endpoint: None,
            grant: None,
            workspace_id: None,
            event_id: Id::from_bytes([0; 12]),
            workflow_id: Id::from_bytes([0; 12]),
            channel: Channel::Chat,
            timezone: None,
            chosen_for_all: None,
            chosen: None,
        };
        let (identifier, kind, address) = (c.opt_text()?, c.opt_text()?, c.opt_text()?);
        let (status, connection_identifier, last_success_at) = (c.opt_text()?, c.opt_text()?, c.opt_time()?);
        if let (Some(identifier), Some(kind), Some(address), Some(status)) = (identifier, kind, address, status) {
            attempt.endpoint = Some(AttemptEndpoint {
                identifier,
                kind,
                address,
                status,
                connection_identifier,
                last_success_at,
            });
        }
        let (id, tokens, generation) = (c.opt_id()?, c.opt_text()?, c.opt_int()?);
        let (status, last_success_at) = (c.opt_text()?, c.opt_time()?);
        if let (Some(id), Some(tokens), Some(generation), Some(status)) = (id, tokens, generation, status) {
            attempt.grant = Some(AttemptGrant {
                id,
                tokens,
                generation,
                status,
                last_success_at,
            });
        }
        let workspace = c.opt_json()?.as_ref().and_then(Workspace::from_json);
        attempt.workspace_id = workspace.map(|workspace| workspace.id);
        (attempt.workflow_id, attempt.channel) = (c.id()?, c.wire(Channel::parse)?);
        let profile = c.opt_json()?;
        let timezone = profile.as_ref().and_then(|profile| profile["timezone"].as_str());
        attempt.timezone = timezone.map(str::to_owned);
        attempt.chosen_for_all = Preference::from_columns(c)?;
        attempt.chosen = Preference::from_columns(c)?;
        attempt.event_id = c.id()?;
        Ok(attempt)
    }
}

const ADDRESS: &str = "deliveries.address";

/// What an attempt left of a delivery.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// How it stands now.
    pub state: DeliveryState,
    /// Attempts that have ended.
    pub attempts: i64,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// Facts of the last outcome, without secrets.
    pub outcome: Option<Value>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Time>,
}

/// How far a message is on its way to one address.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message_id: Id,
    /// Its id.
    pub id: Id,
    /// How far it is.
    pub state: DeliveryState,
    /// Calls so far.
    pub attempts: i64,
    /// When it is tried again.
    pub next_attempt_at: Option<Time>,
    /// The id that the provider gave it.
    pub provider_message_id: Option<String>,
    /// What the last attempt came to.
    pub outcome: Option<Value>,
    /// When it last changed.
    pub updated_at: Time,
}

impl FromRow for Delivery {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            message_id: c.id()?,
            id: c.id()?,
            state: c.wire(DeliveryState::parse)?,
            attempts: c.int()?,
            next_attempt_at: c.opt_time()?,
            provider_message_id: c.opt_text()?,
            outcome: c.opt_json()?,
            updated_at: c.time()?,
        })
    }
}

impl Store {
    /// The deliveries of these messages, without addresses and contents.
    pub async fn deliveries_of(&self, ctx: &Ctx, messages: Vec<Id>) -> Result<Vec<Delivery>, StoreError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&OF_MESSAGES, args![ctx.environment, messages]).await
    }

    /// Adds a delivery.
    pub fn insert_delivery(&self, batch: &mut Batch, ctx: &Ctx, delivery: &NewDelivery) -> Result<(), StoreError> {
        let now = self.now();
        if let Some(rehearsed) = &mut batch.rehearsed {
            rehearsed.deliveries.push(Delivery {
                message_id: delivery.message_id,
                id: delivery.id,
                state: DeliveryState::Pending,
                attempts: 0,
                next_attempt_at: None,
                provider_message_id: None,
                outcome: None,
                updated_at: now,
            });
        }
        let address = match &delivery.address {
            None => None,
            Some(address) => {
                let place = Place {
                    column: ADDRESS,
                    row: &delivery.id.to_string(),
                };
                Some(self.secrets.seal(place, &address.to_string())?)
            }
        };
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                delivery.message_id,
                delivery.id,
                delivery.integration_id,
                delivery.endpoint_id,
                address,
                DeliveryState::Pending.wire(),
                0i64,
                delivery.expires_at,
                now,
                now
            ],
        );
        Ok(())
    }

    /// The deliveries of these messages with all that their attempts need, in one query.
    pub async fn attempts(&self, ctx: &Ctx, messages: Vec<Id>) -> Result<Vec<Attempt>, StoreError> {
        self.db.all(&FOR_ATTEMPT, args![ctx.environment, messages]).await
    }

    /// The address of an attempt: its own, or its endpoint's; nothing when the endpoint is gone.
    pub fn attempt_address(&self, attempt: &Attempt) -> Result<Option<(String, Value)>, StoreError> {
        let parse = |text: &str| {
            serde_json::from_str::<Value>(text).map_err(|_| StoreError::Corrupt("an address is not JSON".to_owned()))
        };
        if let Some(sealed) = &attempt.own_address {
            let place = Place {
                column: ADDRESS,
                row: &attempt.id.to_string(),
            };
            let address = parse(&self.secrets.open(place, sealed)?)?;
            let kind = address["type"].as_str().unwrap_or_default().to_owned();
            return Ok(Some((kind, address["endpoint"].clone())));
        }
        let (Some(endpoint), Some(id)) = (&attempt.endpoint, attempt.endpoint_id) else {
            return Ok(None);
        };
        let text = self.secrets.open(
            Place {
                column: "endpoints.address",
                row: &id.to_string(),
            },
            &endpoint.address,
        )?;
        Ok(Some((endpoint.kind.clone(), parse(&text)?)))
    }

    /// Gives the endpoint of an attempt the address to which its provider has moved it, unless it was changed since.
    pub fn move_attempt_endpoint(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        attempt: &Attempt,
        address: &Value,
    ) -> Result<(), StoreError> {
        if let (Some(id), Some(endpoint)) = (attempt.endpoint_id, &attempt.endpoint) {
            let sealed = self.seal_address(id, address)?;
            let place = self.place_hash(&endpoint.kind, place_of(&endpoint.kind, address));
            let row = args![ctx.environment, id, &endpoint.address, &sealed, place, self.now()];
            batch.add(&hooks::MOVE, row);
        }
        Ok(())
    }

    /// What the trigger overrides for the provider: `{provider, custom}`.
    pub fn attempt_overrides(&self, attempt: &Attempt) -> Result<Value, StoreError> {
        let text = self.open_overrides(crate::messages::OVERRIDES, attempt.message_id, &attempt.overrides)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("overrides are not JSON".to_owned()))
    }

    /// The tokens of an attempt's grant.
    pub fn attempt_tokens(&self, grant: &AttemptGrant) -> Result<Tokens, StoreError> {
        let text = self.secrets.open(
            Place {
                column: "grants.tokens",
                row: &grant.id.to_string(),
            },
            &grant.tokens,
        )?;
        Tokens::from_json(&text).ok_or_else(|| StoreError::Corrupt("a grant's tokens are not tokens".to_owned()))
    }

    /// Adds the end of all deliveries of a job that have not ended.
    pub fn cancel_deliveries(&self, batch: &mut Batch, ctx: &Ctx, notification: Id, position: i64) {
        let row = || args![ctx.environment, notification, position];
        batch.add(&CANCEL_TASKS, row());
        let mut canceled = row();
        canceled.extend(args![self.now()]);
        batch.add(&CANCEL, canceled);
    }

    /// Adds what an attempt left of a delivery.
    pub fn update_delivery(&self, batch: &mut Batch, ctx: &Ctx, attempt: &Attempt, after: &Attempted) {
        batch.add(
            &UPDATE,
            args![
                ctx.environment,
                attempt.message_id,
                attempt.id,
                after.state.wire(),
                after.attempts,
                after.provider_message_id.clone(),
                after.outcome.clone(),
                after.next_attempt_at,
                self.now()
            ],
        );
    }
}
