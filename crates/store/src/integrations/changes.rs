//! Changes of integrations: each with its guard, its audit row, and the ranks of the others in its channel.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campanile_model::{Channel, Ctx, slug};
use serde_json::{Map, Value, json};

use super::rank::{Move, Standing, is_ranked, move_of_changed, move_of_new, rank};
use super::{CHANGED, CONFIGURATIONS, CREDENTIALS, Integration, Integrations, Kind, send_word};
use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::secrets::random_bytes;
use crate::{Store, args, queries};

queries! {
    /// Counts a change, if the last one was the one that was read.
    GUARD = "INSERT INTO integration_sets (environment_id, version) VALUES ($1, $2)
        ON CONFLICT (environment_id) DO UPDATE SET version = excluded.version WHERE integration_sets.version = $3";
    INSERT = {
        insert "integrations",
        "environment_id text, id text, organization_id text, identifier text, name text, provider_id text, channel text, kind text, credentials text, configurations text, conditions text, active bool, is_primary bool, priority int, send text, created_at int, updated_at int"
    };
    UPDATE = "UPDATE integrations SET identifier = $3, name = $4, credentials = $5, configurations = $6,
        conditions = $7, active = $8, is_primary = $9, priority = $10, send = $11, updated_at = $12
        WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
    RANK = "UPDATE integrations SET is_primary = $3, priority = $4
        WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
    /// The row stays for what refers to it; its secrets go.
    DELETE = "UPDATE integrations SET deleted_at = $3, deleted_by = $4, updated_at = $3, active = FALSE,
        is_primary = FALSE, priority = 0, credentials = '', configurations = ''
        WHERE environment_id = $1 AND id = $2 AND deleted_at IS NULL";
    CONNECTIONS = "SELECT identifier FROM connections WHERE environment_id = $1 AND integration_id = $2 ORDER BY id";
    /// Makes others wait who are just putting a connection on one of these grants, so that the next statement sees it.
    LOCK_GRANTS = "UPDATE grants SET updated_at = updated_at
        WHERE id IN (SELECT grant_id FROM connections WHERE environment_id = $1 AND integration_id = $2)";
    DELETE_GRANTS = "DELETE FROM grants
        WHERE id IN (SELECT grant_id FROM connections WHERE environment_id = $1 AND integration_id = $2)
        AND NOT EXISTS (SELECT 1 FROM connections other WHERE other.grant_id = grants.id
            AND NOT (other.environment_id = $1 AND other.integration_id = $2))";
    DELETE_CONNECTIONS = "DELETE FROM connections WHERE environment_id = $1 AND integration_id = $2";
    DELETE_ENDPOINTS = "DELETE FROM endpoints WHERE environment_id = $1 AND integration_id = $2";
    DELETE_HEALTH = "DELETE FROM integration_health WHERE environment_id = $1 AND integration_id = $2";
    DELETE_CHANNELS = "DELETE FROM subscriber_channels WHERE environment_id = $1 AND integration_id = $2";
}

/// An integration to be made.
#[derive(Clone, Debug)]
pub struct NewIntegration {
    /// Made from the name when there is none.
    pub identifier: Option<String>,
    /// What its owner calls it.
    pub name: String,
    /// Whose API it speaks.
    pub provider_id: String,
    /// What it delivers on.
    pub channel: Option<Channel>,
    /// What it is for.
    pub kind: Kind,
    /// Sealed as a whole; unknown keys are kept.
    pub credentials: Map<String, Value>,
    /// Sealed as a whole.
    pub configurations: Map<String, Value>,
    /// Kept as given.
    pub conditions: Vec<Value>,
    /// Whether it is used.
    pub active: bool,
    /// Whether dev mode lets it really send.
    pub send_real: bool,
}

/// What is to be changed; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct IntegrationChange {
    /// What callers name it by.
    pub identifier: Option<String>,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Replaced as a whole.
    pub credentials: Option<Map<String, Value>>,
    /// Replaced as a whole.
    pub configurations: Option<Map<String, Value>>,
    /// Replaced as a whole.
    pub conditions: Option<Vec<Value>>,
    /// Whether it is used.
    pub active: Option<bool>,
    /// Whether dev mode lets it really send.
    pub send_real: Option<bool>,
}

struct Identifier(String);

impl FromRow for Identifier {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

/// An identifier for a new integration, as Novu makes them: the name and eight random characters.
fn identifier_for(name: &str, provider_id: &str) -> Result<String, StoreError> {
    // In lower case first: a brand such as SendGrid is one word.
    let slug = slug::slugify(&name.to_lowercase());
    let stem = if slug.is_empty() { provider_id } else { &slug };
    Ok(format!("{stem}-{}", URL_SAFE_NO_PAD.encode(random_bytes(6)?)))
}

impl Store {
    /// Adds a new integration, which is returned as it will be. Like every change here, the commit fails with
    /// [`CHANGED`] when the environment's integrations are not those that were read any more.
    pub fn create_integration(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Integrations,
        new: NewIntegration,
    ) -> Result<Integration, StoreError> {
        let mut made = self.made(new)?;
        Self::guard(batch, ctx, read);
        let mut standings = read.standings(made.channel);
        let step = move_of_new(&standings, made.active, made.is_conditional());
        standings.push(Standing::idle(made.id));
        Self::move_in_channel(batch, ctx, &standings, &mut made, step);
        Self::insert_integration(batch, ctx, &made);
        self.audit(batch, ctx, "integration.create", made.id);
        Ok(made)
    }

    /// Adds the in-app integration that every environment begins with.
    pub(crate) fn add_inbox_integration(&self, batch: &mut Batch, ctx: &Ctx) -> Result<(), StoreError> {
        let made = self.made(NewIntegration {
            identifier: None,
            name: "Novu Inbox".to_owned(),
            provider_id: "novu".to_owned(),
            channel: Some(Channel::InApp),
            kind: Kind::Delivery,
            credentials: Map::new(),
            configurations: Map::new(),
            conditions: Vec::new(),
            active: true,
            send_real: false,
        })?;
        Self::insert_integration(batch, ctx, &made);
        Ok(())
    }

    /// Stores a change of `before`, and returns it as it will be.
    pub fn update_integration(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Integrations,
        before: &Integration,
        change: IntegrationChange,
    ) -> Result<Integration, StoreError> {
        let mut after = before.clone();
        if let Some(identifier) = change.identifier {
            after.identifier = identifier;
        }
        if let Some(name) = change.name {
            after.name = name;
        }
        if let Some(credentials) = &change.credentials {
            after.credentials = self.seal_bag(CREDENTIALS, before.id, credentials)?;
        }
        if let Some(configurations) = &change.configurations {
            after.configurations = self.seal_bag(CONFIGURATIONS, before.id, configurations)?;
        }
        if let Some(conditions) = change.conditions {
            after.conditions = Value::Array(conditions);
        }
        if let Some(send_real) = change.send_real {
            after.send_real = send_real;
        }
        after.active = change.active.unwrap_or(before.active);
        let step = move_of_changed(before.standing(), after.active, after.is_conditional());
        self.store_changed(batch, ctx, read, &mut after, step);
        self.audit(batch, ctx, "integration.update", after.id);
        Ok(after)
    }

    /// Makes `before` the primary one of its channel, active and without conditions, and returns it as it will be.
    pub fn make_integration_primary(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Integrations,
        before: &Integration,
    ) -> Integration {
        let mut after = Integration {
            active: true,
            conditions: json!([]),
            ..before.clone()
        };
        self.store_changed(batch, ctx, read, &mut after, Move::Lead);
        self.audit(batch, ctx, "integration.set_primary", after.id);
        after
    }

    /// Deletes an integration with everything that hangs on it, and returns the others as they will be. Nothing is
    /// revoked at the vendor: that is for the deletion of a single connection.
    pub async fn delete_integration(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        read: &Integrations,
        gone: &Integration,
    ) -> Result<Vec<Integration>, StoreError> {
        let here = || args![ctx.environment, gone.id];
        let connections = self.db.all::<Identifier>(&CONNECTIONS, here()).await?;
        Self::guard(batch, ctx, read);
        let mut left = read.all.clone();
        if is_ranked(gone.channel) && gone.active {
            let ranked = rank(&read.standings(gone.channel), gone.id, Move::Leave);
            for standing in ranked.iter().filter(|standing| standing.id != gone.id) {
                if let Some(other) = left.iter_mut().find(|one| one.id == standing.id) {
                    Self::take_rank(batch, ctx, other.standing(), *standing);
                    (other.primary, other.priority) = (standing.primary, standing.priority);
                }
            }
        }
        left.retain(|one| one.id != gone.id);
        let mut row = here();
        row.extend(args![self.now(), ctx.actor.describe()]);
        batch.expect(&DELETE, row, CHANGED);
        for sql in [
            &LOCK_GRANTS,
            &DELETE_GRANTS,
            &DELETE_CONNECTIONS,
            &DELETE_ENDPOINTS,
            &DELETE_HEALTH,
            &DELETE_CHANNELS,
        ] {
            batch.add(sql, here());
        }
        for Identifier(identifier) in connections {
            let object = json!({
                "identifier": identifier,
                "integrationIdentifier": gone.identifier,
                "providerId": gone.provider_id,
            });
            self.announce(batch, ctx, "connection.deleted", &object);
        }
        self.audit(batch, ctx, "integration.delete", gone.id);
        Ok(left)
    }

    /// A new integration, not ranked yet.
    fn made(&self, new: NewIntegration) -> Result<Integration, StoreError> {
        let id = self.new_id();
        let now = self.now();
        Ok(Integration {
            id,
            identifier: match new.identifier {
                Some(identifier) => identifier,
                None => identifier_for(&new.name, &new.provider_id)?,
            },
            credentials: self.seal_bag(CREDENTIALS, id, &new.credentials)?,
            configurations: self.seal_bag(CONFIGURATIONS, id, &new.configurations)?,
            name: new.name,
            provider_id: new.provider_id,
            channel: new.channel,
            kind: new.kind,
            conditions: Value::Array(new.conditions),
            active: new.active,
            primary: false,
            priority: 0,
            send_real: new.send_real,
            created_at: now,
            updated_at: now,
        })
    }

    fn guard(batch: &mut Batch, ctx: &Ctx, read: &Integrations) {
        batch.expect(&GUARD, args![ctx.environment, read.version + 1, read.version], CHANGED);
        batch.change_configuration();
    }

    fn store_changed(&self, batch: &mut Batch, ctx: &Ctx, read: &Integrations, after: &mut Integration, step: Move) {
        Self::guard(batch, ctx, read);
        after.updated_at = self.now();
        let standings = read.standings(after.channel);
        Self::move_in_channel(batch, ctx, &standings, after, step);
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                after.id,
                &after.identifier,
                &after.name,
                &after.credentials,
                &after.configurations,
                &after.conditions,
                after.active,
                after.primary,
                after.priority,
                send_word(after.send_real),
                after.updated_at
            ],
            CHANGED,
        );
    }

    /// Ranks the integration in its channel. The others are written here and it afterwards: the database allows one
    /// primary at any moment, so the old one steps back first.
    fn move_in_channel(batch: &mut Batch, ctx: &Ctx, standings: &[Standing], it: &mut Integration, step: Move) {
        if !is_ranked(it.channel) || step == Move::Stay {
            return;
        }
        for (before, after) in standings.iter().zip(rank(standings, it.id, step)) {
            if after.id == it.id {
                (it.primary, it.priority) = (after.primary, after.priority);
            } else {
                Self::take_rank(batch, ctx, *before, after);
            }
        }
    }

    fn take_rank(batch: &mut Batch, ctx: &Ctx, before: Standing, after: Standing) {
        if before != after {
            batch.expect(
                &RANK,
                args![ctx.environment, after.id, after.primary, after.priority],
                CHANGED,
            );
        }
    }

    fn insert_integration(batch: &mut Batch, ctx: &Ctx, made: &Integration) {
        batch.add(
            &INSERT,
            args![
                ctx.environment,
                made.id,
                ctx.organization,
                &made.identifier,
                &made.name,
                &made.provider_id,
                made.channel.map(Channel::wire),
                made.kind.wire(),
                &made.credentials,
                &made.configurations,
                &made.conditions,
                made.active,
                made.primary,
                made.priority,
                send_word(made.send_real),
                made.created_at,
                made.updated_at
            ],
        );
    }
}

/// Whether a lost race is worth reading again: the refusal that it stands for shows then.
pub fn lost_race(error: &StoreError) -> bool {
    ["integrations_identifier", "integrations_primary", CHANGED]
        .iter()
        .any(|name| error.is_conflict(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_made_from_the_name() {
        let identifier = identifier_for("My SendGrid", "sendgrid").unwrap();
        let (stem, random) = identifier.split_at("my-sendgrid-".len());
        assert_eq!((stem, random.len()), ("my-sendgrid-", 8), "{identifier}");
        assert!(random.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert!(identifier_for("通知", "slack").unwrap().starts_with("slack-"));
    }
}
