//! Migrations: one text for both engines, numbered, checksummed, forward only.

use ring::digest;

use super::sqlite;
use super::{Address, StoreError, postgres};

/// All migrations in order. A shipped file is never edited.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_foundation", include_str!("../../migrations/0001_foundation.sql")),
    ("0002_oauth", include_str!("../../migrations/0002_oauth.sql")),
    ("0003_rotation", include_str!("../../migrations/0003_rotation.sql")),
    ("0004_health", include_str!("../../migrations/0004_health.sql")),
    ("0005_webhooks", include_str!("../../migrations/0005_webhooks.sql")),
    (
        "0006_inbox_sessions",
        include_str!("../../migrations/0006_inbox_sessions.sql"),
    ),
    ("0007_lists", include_str!("../../migrations/0007_lists.sql")),
    ("0008_statuses", include_str!("../../migrations/0008_statuses.sql")),
    ("0009_jobs", include_str!("../../migrations/0009_jobs.sql")),
    ("0010_topics", include_str!("../../migrations/0010_topics.sql")),
    (
        "0011_preferences",
        include_str!("../../migrations/0011_preferences.sql"),
    ),
    ("0012_content", include_str!("../../migrations/0012_content.sql")),
    ("0013_critical", include_str!("../../migrations/0013_critical.sql")),
    ("0014_waiting", include_str!("../../migrations/0014_waiting.sql")),
    (
        "0015_environments",
        include_str!("../../migrations/0015_environments.sql"),
    ),
    (
        "0016_translations",
        include_str!("../../migrations/0016_translations.sql"),
    ),
    (
        "0019_attachments",
        include_str!("../../migrations/0019_attachments.sql"),
    ),
    (
        "0020_activity_pages",
        include_str!("../../migrations/0020_activity_pages.sql"),
    ),
];

const HISTORY: &str =
    "CREATE TABLE IF NOT EXISTS migrations (name {text} NOT NULL PRIMARY KEY, checksum {text} NOT NULL)";
const SAVE: &str = "INSERT INTO migrations (name, checksum) VALUES ";
/// The advisory lock that keeps two nodes from migrating at once; any constant will do.
const LOCK: &str = "SELECT pg_advisory_lock(4801735910)";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// Brings the database up to date. Returns the SQL that was missing; with `dry_run` it is only returned.
pub async fn migrate(address: &Address, dry_run: bool) -> Result<Vec<String>, StoreError> {
    match address {
        Address::Sqlite(path) => {
            let path = path.clone();
            let task = tokio::task::spawn_blocking(move || migrate_sqlite(&path, dry_run));
            task.await
                .map_err(|error| StoreError::Driver(format!("the migration stopped: {error}")))?
        }
        Address::Postgres { url, direct_url } => migrate_postgres(direct_url.as_deref().unwrap_or(url), dry_run).await,
    }
}

fn migrate_sqlite(path: &std::path::Path, dry_run: bool) -> Result<Vec<String>, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::Driver(format!("the migration failed: {error}"));
    if dry_run && !path.exists() {
        return pending(&[], Dialect::Sqlite).map(texts);
    }
    let connection = sqlite::open(path, false)?;
    // A dry run changes nothing, so it may find no history.
    let has_history = !dry_run
        || connection
            .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'")
            .and_then(|mut statement| statement.exists([]))
            .map_err(failed)?;
    if !dry_run {
        connection
            .execute_batch(&spell(HISTORY, Dialect::Sqlite))
            .map_err(failed)?;
    }
    let done = if has_history {
        let mut statement = connection
            .prepare("SELECT name, checksum FROM migrations")
            .map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        rows.collect::<Result<Vec<(String, String)>, _>>().map_err(failed)?
    } else {
        Vec::new()
    };
    let missing = pending(&done, Dialect::Sqlite)?;
    if !dry_run {
        for step in &missing {
            connection
                .execute_batch(&format!("BEGIN IMMEDIATE;\n{}\n{};\nCOMMIT;", step.sql, step.record()))
                .map_err(failed)?;
        }
    }
    Ok(texts(missing))
}

async fn migrate_postgres(url: &str, dry_run: bool) -> Result<Vec<String>, StoreError> {
    let (client, _messages) = postgres::connect(url).await?;
    let failed = |error: tokio_postgres::Error| {
        let text = error
            .as_db_error()
            .map_or_else(|| error.to_string(), |error| error.message().to_owned());
        StoreError::Driver(format!("the migration failed: {text}"))
    };
    client.batch_execute(LOCK).await.map_err(failed)?;
    let has_history = client
        .query_one("SELECT to_regclass('migrations') IS NOT NULL", &[])
        .await
        .map_err(failed)?
        .get::<_, bool>(0);
    if !dry_run && !has_history {
        client
            .batch_execute(&spell(HISTORY, Dialect::Postgres))
            .await
            .map_err(failed)?;
    }
    let rows = if dry_run && !has_history {
        Vec::new()
    } else {
        client
            .query("SELECT name, checksum FROM migrations", &[])
            .await
            .map_err(failed)?
    };
    let done: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let missing = pending(&done, Dialect::Postgres)?;
    if !dry_run {
        for step in &missing {
            client
                .batch_execute(&format!("BEGIN;\n{}\n{};\nCOMMIT;", step.sql, step.record()))
                .await
                .map_err(failed)?;
        }
    }
    Ok(texts(missing))
}

struct Step {
    name: &'static str,
    checksum: String,
    sql: String,
}

impl Step {
    fn record(&self) -> String {
        format!("{SAVE} ('{}', '{}')", self.name, self.checksum)
    }
}

fn texts(steps: Vec<Step>) -> Vec<String> {
    steps
        .into_iter()
        .map(|step| format!("-- {}\n{}", step.name, step.sql))
        .collect()
}

fn pending(done: &[(String, String)], dialect: Dialect) -> Result<Vec<Step>, StoreError> {
    if let Some((unknown, _)) = done
        .iter()
        .find(|(name, _)| MIGRATIONS.iter().all(|(known, _)| known != name))
    {
        return Err(StoreError::Driver(format!(
            "the database was migrated by a newer version ({unknown}); start that version, or restore a backup"
        )));
    }
    let mut steps = Vec::new();
    for (name, text) in MIGRATIONS {
        let checksum = hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
        match done.iter().find(|(known, _)| known == name) {
            Some((_, known)) if *known != checksum => {
                return Err(StoreError::Driver(format!(
                    "migration {name} was changed after it ran on this database; start the version that ran it"
                )));
            }
            Some(_) => {}
            None => steps.push(Step {
                name,
                checksum,
                sql: spell(text, dialect),
            }),
        }
    }
    Ok(steps)
}

fn spell(text: &str, dialect: Dialect) -> String {
    let words: [(&str, &str); 8] = match dialect {
        Dialect::Sqlite => [
            ("{text}", "TEXT"),
            ("{int}", "INTEGER"),
            ("{bool}", "INTEGER"),
            ("{workspace_id}", "(workspace ->> 'id')"),
            ("{also_named}", ", connection_identifier"),
            ("{end}", "STRICT"),
            ("{keys}", "STRICT, WITHOUT ROWID"),
            ("{queue}", "STRICT, WITHOUT ROWID"),
        ],
        // Cursors compare texts by bytes, as SQLite does. The queue is rewritten all the time: it keeps room in its
        // pages and is vacuumed early.
        Dialect::Postgres => [
            ("{text}", "TEXT COLLATE \"C\""),
            ("{int}", "BIGINT"),
            ("{bool}", "BOOLEAN"),
            ("{workspace_id}", "(workspace::json ->> 'id')"),
            ("{also_named}", ""),
            ("{end}", ""),
            ("{keys}", ""),
            (
                "{queue}",
                "WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)",
            ),
        ],
    };
    words
        .iter()
        .fold(text.to_owned(), |text, (token, word)| text.replace(token, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_makes_no_table_in_a_database_that_exists() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("campanile.db");
        std::fs::write(&path, "").unwrap();
        let tables = || {
            let connection = sqlite::open(&path, false).unwrap();
            connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let shown = migrate_sqlite(&path, true).unwrap();
        assert_eq!((shown.len(), tables()), (MIGRATIONS.len(), 0));
        migrate_sqlite(&path, false).unwrap();
        assert!(migrate_sqlite(&path, true).unwrap().is_empty());
    }
}
