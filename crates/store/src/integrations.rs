//! Integrations: our user's accounts at providers. Credentials are sealed as a whole.
//!
//! Changes are decided on all integrations of the environment, because names, the in-app provider and the primaries are
//! unique among them. They are guarded by one counter: of two decisions on the same state, one is refused.

mod changes;
pub mod health;
pub mod rank;

use campanile_model::{Channel, Ctx, Id, Time};
use serde_json::{Map, Value};

use crate::db::{Columns, FromRow, StoreError};
use crate::secrets::Place;
use crate::{Store, args, queries};

#[cfg(any(test, feature = "testing"))]
pub(crate) use changes::ALL as ALL_CHANGES;
pub use changes::{IntegrationChange, NewIntegration, lost_race};

/// The conflict of two changes of one environment's integrations: read them again and repeat.
pub const CHANGED: &str = "integrations changed meanwhile";

queries! {
    LIVE = "SELECT id, identifier, name, provider_id, channel, kind, credentials, configurations, conditions, active,
        is_primary, priority, send, created_at, updated_at
        FROM integrations WHERE environment_id = $1 AND deleted_at IS NULL ORDER BY id";
    FIND = "SELECT id, identifier, name, provider_id, channel, kind, credentials, configurations, conditions, active,
        is_primary, priority, send, created_at, updated_at
        FROM integrations WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
    FIND_BY_IDENTIFIER = "SELECT id, identifier, name, provider_id, channel, kind, credentials, configurations,
        conditions, active, is_primary, priority, send, created_at, updated_at
        FROM integrations WHERE environment_id = $1 AND identifier = $2 AND deleted_at IS NULL";
    MATCHING = "SELECT id FROM integrations WHERE environment_id = $1 AND ($2 = '' OR channel = $2)
        AND ($3 = '' OR provider_id = $3) AND ($4 = '' OR identifier = $4)";
    VERSION = "SELECT version FROM integration_sets WHERE environment_id = $1";
}

/// One integration that is not deleted.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its id.
    pub id: Id,
    /// What callers name it by; unique in the environment, and can be changed.
    pub identifier: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose API it speaks.
    pub provider_id: String,
    /// What it delivers on; agents deliver on none.
    pub channel: Option<Channel>,
    /// What it is for.
    pub kind: Kind,
    credentials: String,
    configurations: String,
    /// A list of filters as it was given; empty means that it is always used.
    pub conditions: Value,
    /// Whether it is used.
    pub active: bool,
    /// Whether it is the one of its channel that is used first.
    pub primary: bool,
    /// Higher goes first; 0 where there is no order.
    pub priority: i64,
    /// Whether dev mode lets it really send.
    pub send_real: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What an integration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To deliver messages.
    Delivery,
    /// To run agents.
    Agent,
}

impl Kind {
    /// The word on the wire.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Agent => "agent",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Delivery, Self::Agent]
            .into_iter()
            .find(|kind| kind.wire() == text)
    }
}

impl Integration {
    /// Whether it is only used when its conditions match.
    pub fn is_conditional(&self) -> bool {
        self.conditions.as_array().is_some_and(|list| !list.is_empty())
    }

    fn standing(&self) -> rank::Standing {
        rank::Standing {
            id: self.id,
            active: self.active,
            primary: self.primary,
            priority: self.priority,
        }
    }
}

impl FromRow for Integration {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            identifier: c.text()?,
            name: c.text()?,
            provider_id: c.text()?,
            channel: match c.opt_text()? {
                None => None,
                Some(text) => Some(
                    Channel::parse(&text)
                        .ok_or_else(|| StoreError::Corrupt("an integration's channel is unknown".to_owned()))?,
                ),
            },
            kind: c.wire(Kind::parse)?,
            credentials: c.text()?,
            configurations: c.text()?,
            conditions: c.json()?,
            active: c.bool()?,
            primary: c.bool()?,
            priority: c.int()?,
            send_real: c.text()? == SEND_REAL,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

const SEND_REAL: &str = "real";
const SEND_OUTBOX: &str = "outbox";

const fn send_word(real: bool) -> &'static str {
    if real { SEND_REAL } else { SEND_OUTBOX }
}

/// All integrations of an environment as they were read, for a decision on how to change them.
#[derive(Clone, Debug)]
pub struct Integrations {
    /// Those that are not deleted, oldest first.
    pub all: Vec<Integration>,
    version: i64,
}

impl Integrations {
    /// The one with this id or else with this identifier.
    pub fn find(&self, id_or_identifier: &str) -> Option<&Integration> {
        let by_id = id_or_identifier.parse::<Id>().ok();
        by_id
            .and_then(|id| self.all.iter().find(|one| one.id == id))
            .or_else(|| self.all.iter().find(|one| one.identifier == id_or_identifier))
    }

    /// Whether another one than `except` has this identifier.
    pub fn is_taken(&self, identifier: &str, except: Option<Id>) -> bool {
        self.all
            .iter()
            .any(|one| one.identifier == identifier && Some(one.id) != except)
    }

    fn standings(&self, channel: Option<Channel>) -> Vec<rank::Standing> {
        self.all
            .iter()
            .filter(|one| one.channel == channel)
            .map(Integration::standing)
            .collect()
    }
}

struct Matching(Id);

impl FromRow for Matching {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.id().map(Self)
    }
}

struct Version(i64);

impl FromRow for Version {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

const CREDENTIALS: &str = "integrations.credentials";
const CONFIGURATIONS: &str = "integrations.configurations";

impl Store {
    /// The environment's integrations, oldest first.
    pub async fn integrations_all(&self, ctx: &Ctx) -> Result<Vec<Integration>, StoreError> {
        self.db.all(&LIVE, args![ctx.environment]).await
    }

    /// The environment's integrations, to be changed.
    pub async fn integrations_to_change(&self, ctx: &Ctx) -> Result<Integrations, StoreError> {
        // The counter is read first: rows that are newer than it only make the commit fail.
        let version = self.db.first::<Version>(&VERSION, args![ctx.environment]).await?;
        Ok(Integrations {
            version: version.map_or(0, |Version(version)| version),
            all: self.integrations_all(ctx).await?,
        })
    }

    /// One integration by its id.
    pub async fn integration_by_id(&self, ctx: &Ctx, id: Id) -> Result<Option<Integration>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, id]).await
    }

    /// The ids of all integrations that fit, deleted ones too; nothing when nothing is asked.
    pub(crate) async fn integrations_matching(
        &self,
        ctx: &Ctx,
        channel: Option<Channel>,
        provider_id: &Option<String>,
        identifier: &Option<String>,
    ) -> Result<Option<Vec<Id>>, StoreError> {
        if channel.is_none() && provider_id.is_none() && identifier.is_none() {
            return Ok(None);
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = args![
            ctx.environment,
            channel.map_or("", Channel::wire),
            text(provider_id),
            text(identifier)
        ];
        let found = self.db.all::<Matching>(&MATCHING, row).await?;
        Ok(Some(found.into_iter().map(|Matching(id)| id).collect()))
    }

    /// One integration by its identifier.
    pub async fn integration_by_identifier(
        &self,
        ctx: &Ctx,
        identifier: &str,
    ) -> Result<Option<Integration>, StoreError> {
        self.db
            .first(&FIND_BY_IDENTIFIER, args![ctx.environment, identifier])
            .await
    }

    /// The integration's credentials.
    pub fn open_credentials(&self, integration: &Integration) -> Result<Map<String, Value>, StoreError> {
        self.open_bag(CREDENTIALS, integration.id, &integration.credentials)
    }

    /// The integration's further settings, such as the signing key of its incoming webhook.
    pub fn open_configurations(&self, integration: &Integration) -> Result<Map<String, Value>, StoreError> {
        self.open_bag(CONFIGURATIONS, integration.id, &integration.configurations)
    }

    fn open_bag(&self, column: &'static str, id: Id, sealed: &str) -> Result<Map<String, Value>, StoreError> {
        if sealed.is_empty() {
            return Ok(Map::new());
        }
        let row = id.to_string();
        let text = self.secrets.open(Place { column, row: &row }, sealed)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt(format!("what is in {column} is not an object")))
    }

    /// Seals a bag as a whole; an empty one is stored as the empty text.
    fn seal_bag(&self, column: &'static str, id: Id, bag: &Map<String, Value>) -> Result<String, StoreError> {
        if bag.is_empty() {
            return Ok(String::new());
        }
        let row = id.to_string();
        let text = serde_json::to_string(bag).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        self.secrets.seal(Place { column, row: &row }, &text)
    }
}
