//! Where the data is: a SQLite file or a PostgreSQL server.

use std::borrow::Cow;
use std::path::PathBuf;

use super::secret::Secret;

const RULE: &str = "sqlite:<file> or postgres://user:password@host/database";
const POSTGRES_RULE: &str = "postgres://user:password@host/database";

/// The database that the server works on.
#[derive(Clone, Debug)]
pub(crate) enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres {
        /// The address for queries, as `tokio-postgres` reads it; it usually carries a password.
        url: Secret,
        /// A second address for `LISTEN`, for when the first one is a pooler; without it the server polls.
        direct_url: Option<Secret>,
    },
}

impl DatabaseUrl {
    /// Reads a database address; the direct address is a setting of its own.
    pub(super) fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // A database in memory would lose what the server has accepted, and options belong to the server.
            if path.is_empty() || path == ":memory:" || path.contains('?') {
                return Err("sqlite:<file>, a file on disk and without options".into());
            }
            return Ok(Self::Sqlite(path.into()));
        }
        match postgres(text) {
            Ok(url) => Ok(Self::Postgres { url, direct_url: None }),
            Err(_) => Err(RULE.into()),
        }
    }

    /// The address as it may be shown.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres { url, .. } => masked(url.expose()),
        }
    }
}

/// Reads the address of a PostgreSQL server. Its finer points are the driver's, which also knows sockets and several hosts.
pub(super) fn postgres(text: &str) -> Result<Secret, Cow<'static, str>> {
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"));
    match rest {
        Some(rest) if !rest.is_empty() && !text.contains(char::is_whitespace) => Ok(Secret::from(text)),
        _ => Err(POSTGRES_RULE.into()),
    }
}

/// The address as it may be shown: without user, password and options. What could be read in two ways is hidden whole.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.starts_with("sqlite:") {
            url.to_owned()
        } else {
            "***".to_owned()
        };
    };
    let shown = rest.split(['?', '#']).next().unwrap_or_default();
    match (rest.matches('@').count(), shown.rsplit_once('@')) {
        (0, _) => format!("{scheme}://{shown}"),
        (1, Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, masked};

    #[test]
    fn sqlite_files_are_read() {
        for (text, path) in [
            ("sqlite:data/x.db", "data/x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite://x.db", "x.db"),
            ("sqlite:///var/x.db", "/var/x.db"),
        ] {
            let DatabaseUrl::Sqlite(read) = DatabaseUrl::parse(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(read.to_str(), Some(path), "{text}");
        }
    }

    #[test]
    fn postgres_addresses_are_kept_as_they_are() {
        for text in [
            "postgres://u:p@db.example.com/campanile",
            "postgresql://db.example.com",
            "postgres://postgres@%2Frun%2Fpg/x",
            "postgres://u:p@a:5432,b:5432/x?target_session_attrs=read-write",
        ] {
            let DatabaseUrl::Postgres { url, direct_url: None } = DatabaseUrl::parse(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(url.expose(), text);
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:x.db?mode=ro",
            "mysql://x",
            "postgres://",
            "./x.db",
            "host=x",
        ] {
            assert!(DatabaseUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn passwords_are_masked_in_every_place() {
        for (url, shown) in [
            ("sqlite:data/x.db", "sqlite:data/x.db"),
            ("postgres://db/x", "postgres://db/x"),
            ("postgres://u:hunter2@db:5432/x", "postgres://***@db:5432/x"),
            ("postgres://db/x?user=u&password=hunter2", "postgres://db/x"),
            ("postgres://u:a?hunter2@db/x", "***"),
            ("postgres://u:a@hunter2@db/x", "***"),
            ("postgres://u:a@b?hunter2@db/x", "***"),
            ("http://u:hunter2@proxy:3128", "http://***@proxy:3128"),
            ("hunter2", "***"),
        ] {
            assert_eq!(masked(url), shown, "{url}");
        }
    }
}
