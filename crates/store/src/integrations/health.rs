//! How integrations stand: their vendor refuses our user's own credentials, or these end soon.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    OF_ENVIRONMENT = "SELECT integration_id, status, reason, since, expires_at, warned FROM integration_health
        WHERE environment_id = $1";
    /// A status that stays is not written again, nor announced; a later warning is.
    SET = "INSERT INTO integration_health
        (environment_id, integration_id, status, reason, since, expires_at, warned, health_change)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (environment_id, integration_id) DO UPDATE SET status = excluded.status, reason = excluded.reason,
        since = CASE WHEN integration_health.status = excluded.status THEN integration_health.since
            ELSE excluded.since END,
        expires_at = excluded.expires_at, warned = excluded.warned, health_change = excluded.health_change
        WHERE integration_health.status <> excluded.status
            OR coalesce(integration_health.warned, -1) <> coalesce(excluded.warned, -1)";
    ANNOUNCE = {
        sqlite: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT h.environment_id, $3, $4, json_object('identifier', i.identifier, 'providerId', i.provider_id,
                'status', h.status, 'reason', h.reason), $5
            FROM integration_health h
            JOIN integrations i ON i.environment_id = h.environment_id AND i.id = h.integration_id
            WHERE h.environment_id = $1 AND h.integration_id = $2 AND h.health_change = $3",
        postgres: "INSERT INTO changes (environment_id, id, kind, object, created_at)
            SELECT h.environment_id, $3::text, $4::text, json_build_object('identifier', i.identifier,
                'providerId', i.provider_id, 'status', h.status, 'reason', h.reason)::text, $5::int8
            FROM integration_health h
            JOIN integrations i ON i.environment_id = h.environment_id AND i.id = h.integration_id
            WHERE h.environment_id = $1 AND h.integration_id = $2 AND h.health_change = $3::text",
    };
}

/// How an integration stands.
#[derive(Clone, Debug)]
pub struct IntegrationHealth {
    /// The integration.
    pub integration_id: Id,
    /// `active`, `expiring` or `degraded`.
    pub status: HealthStatus,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// Since when.
    pub since: Time,
    /// When the app's secret ends.
    pub expires_at: Option<Time>,
    /// The last warning: how many days before the end it was due.
    pub warned: Option<i64>,
}

impl FromRow for IntegrationHealth {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            integration_id: c.id()?,
            status: c.wire(HealthStatus::parse)?,
            reason: c.opt_text()?,
            since: c.time()?,
            expires_at: c.opt_time()?,
            warned: c.opt_int()?,
        })
    }
}

/// What is found out about an integration.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How it stands now.
    pub status: HealthStatus,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// When the app's secret ends.
    pub expires_at: Option<Time>,
    /// The warning that this is, by its days before the end.
    pub warned: Option<i64>,
}

impl Store {
    /// How the environment's integrations stand, those of which something was ever found out.
    pub async fn integrations_health(&self, ctx: &Ctx) -> Result<Vec<IntegrationHealth>, StoreError> {
        self.db.all(&OF_ENVIRONMENT, args![ctx.environment]).await
    }

    /// Adds how an integration stands; a real change, and a next warning, is announced.
    pub fn set_integration_health(&self, batch: &mut Batch, ctx: &Ctx, integration: Id, finding: &Finding) {
        let (now, change) = (self.now(), self.new_id());
        batch.add(
            &SET,
            args![
                ctx.environment,
                integration,
                finding.status.wire(),
                finding.reason.clone(),
                now,
                finding.expires_at,
                finding.warned,
                change
            ],
        );
        let kind = match finding.status {
            HealthStatus::Active => "integration.recovered",
            HealthStatus::Expiring => "integration.expiring",
            _ => "integration.degraded",
        };
        batch.add(&ANNOUNCE, args![ctx.environment, integration, change, kind, now]);
    }
}
