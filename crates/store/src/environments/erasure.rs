//! Deleting an environment. What opens it and what makes work ends in one commit; what it held, which may be much, is
//! removed bit by bit by a task, so that nobody waits for it.

use campanile_model::{Ctx, Id};

use super::{CHANGED, Environment};
use crate::db::{Batch, Sql, StoreError};
use crate::tasks::NewTask;
use crate::{Store, args, queries};

/// Rows removed in one commit.
const CHUNK: i64 = 500;

queries! {
    DELETE = "DELETE FROM environments WHERE organization_id = $1 AND id = $2 AND updated_at = $3";
    ADOPT = "UPDATE environments SET parent_id = $3 WHERE organization_id = $1 AND parent_id = $2";
    DELETE_KEYS = "DELETE FROM api_keys WHERE environment_id = $1";
    /// Work that somebody has claimed finds nothing any more and ends.
    DELETE_TASKS = "DELETE FROM tasks WHERE environment_id = $1";
    /// Makes others wait who are just putting a connection on one of these grants, so that the next statement sees it.
    LOCK_GRANTS = "UPDATE grants SET updated_at = updated_at
        WHERE id IN (SELECT grant_id FROM connections WHERE environment_id = $1)";
    DELETE_GRANTS = "DELETE FROM grants
        WHERE id IN (SELECT grant_id FROM connections WHERE environment_id = $1)
        AND NOT EXISTS (SELECT 1 FROM connections other WHERE other.grant_id = grants.id AND other.environment_id <> $1)";
    DELETE_CONNECTIONS = "DELETE FROM connections WHERE environment_id = $1";
}

/// One statement for each table that removes some of an environment's rows; they are told apart by the column.
macro_rules! tables {
    ($($name:ident = $table:literal by $column:literal;)*) => {
        $(static $name: Sql = Sql::both(
            stringify!($name),
            concat!(
                "DELETE FROM ", $table, " WHERE environment_id = $1 AND ", $column, " IN (SELECT ", $column, " FROM ",
                $table, " WHERE environment_id = $1 ORDER BY ", $column, " LIMIT $2) RETURNING 1"
            ),
        );)*
        static REMOVE: &[(&str, &Sql)] = &[$(($table, &$name),)*];
    };
}

tables! {
    LAYOUTS = "layouts" by "id";
    TRANSLATIONS = "translations" by "resource_id";
    DIGEST_MEMBERS = "digest_members" by "window_id";
    DIGEST_WINDOWS = "digest_windows" by "id";
    RECENT_RUNS = "recent_runs" by "workflow_id";
    INTEGRATIONS = "integrations" by "id";
    INTEGRATION_SETS = "integration_sets" by "environment_id";
    INTEGRATION_HEALTH = "integration_health" by "integration_id";
    WORKFLOWS = "workflows" by "id";
    ENDPOINTS = "endpoints" by "id";
    CONNECTION_ALIASES = "connection_aliases" by "alias";
    OAUTH_STATES = "oauth_states" by "nonce";
    LINK_CODES = "link_codes" by "hash";
    WEBHOOK_ENDPOINTS = "webhook_endpoints" by "id";
    WEBHOOK_ATTEMPTS = "webhook_attempts" by "delivery_id";
    WEBHOOK_DELIVERIES = "webhook_deliveries" by "id";
    ENVIRONMENT_VARIABLE_VALUES = "environment_variable_values" by "variable_id";
    CONTEXTS = "contexts" by "id";
    PREFERENCES = "preferences" by "subscriber_id";
    SUBSCRIPTIONS = "subscriptions" by "id";
    TOPICS = "topics" by "id";
    SUBSCRIBER_CHANNELS = "subscriber_channels" by "subscriber_id";
    SUBSCRIBERS = "subscribers" by "id";
    CHANGES = "changes" by "id";
    DELIVERIES = "deliveries" by "message_id";
    MESSAGES = "messages" by "id";
    TRACES = "traces" by "notification_id";
    JOBS = "jobs" by "notification_id";
    NOTIFICATIONS = "notifications" by "id";
    ATTACHMENTS = "attachments" by "id";
    EVENTS = "events" by "id";
    EVENT_KEYS = "event_keys" by "transaction_id";
    IDEMPOTENCY = "idempotency" by "idempotency_key";
    OUTBOX = "outbox" by "id";
}

/// All statements of this module, those of the tables included.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn all() -> Vec<&'static Sql> {
    ALL.iter().copied().chain(REMOVE.iter().map(|(_, sql)| *sql)).collect()
}

/// The tables that an erasure goes through.
#[cfg(any(test, feature = "testing"))]
pub fn erased_tables() -> impl Iterator<Item = &'static str> {
    REMOVE.iter().map(|(table, _)| *table)
}

impl Store {
    /// Adds the end of an environment: its keys open nothing, its connections and work are gone, and `erase`, a task in
    /// the caller's own environment, removes the rest. Nothing is revoked at a vendor. The environments that were
    /// published from it are published from its parent. The commit fails with [`CHANGED`] when it is not as it was read.
    pub fn delete_environment(&self, batch: &mut Batch, ctx: &Ctx, environment: &Environment, erase: NewTask) {
        let gone = || args![environment.id];
        batch.expect(
            &DELETE,
            args![ctx.organization, environment.id, environment.updated_at],
            CHANGED,
        );
        batch.add(&ADOPT, args![ctx.organization, environment.id, environment.parent_id]);
        for sql in [
            &DELETE_KEYS,
            &DELETE_TASKS,
            &LOCK_GRANTS,
            &DELETE_GRANTS,
            &DELETE_CONNECTIONS,
        ] {
            batch.add(sql, gone());
        }
        self.audit(batch, ctx, "environment.delete", environment.id);
        self.enqueue(batch, ctx, erase);
        batch.change_configuration();
    }

    /// Removes some of what a deleted environment held; whether there may be more. An environment that is there is left
    /// alone.
    pub async fn erase_environment(&self, organization: Id, id: Id) -> Result<bool, StoreError> {
        let ctx = Ctx::system(organization, id, "erase");
        if self.environment(&ctx, id).await?.is_some() {
            return Ok(false);
        }
        for (_, sql) in REMOVE {
            let mut batch = Batch::background();
            batch.add(sql, args![id, CHUNK]);
            let done = self.commit(batch).await?;
            if done.rows.first().is_some_and(|rows| !rows.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
