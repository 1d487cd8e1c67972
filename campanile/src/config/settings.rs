//! The one table of settings. Reading, `serve --print-config` and `docs/configuration.md` all follow it.
//!
//! The key in `campanile.toml` is the variable without `CAMPANILE_`, in small letters, with `__` as a dot; a test holds
//! the table to that.

/// What a setting is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Several values: separated by commas, or an array in the file.
    List,
    /// One value for each provider: `<id>` in the key and `<ID>` in the variable stand for its id.
    PerProvider,
    /// Variables of a standard that belong to other programs too: documented, but neither read nor refused.
    Foreign,
}

/// How much of a value may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// All of it.
    Open,
    /// An address that may carry a password: shown without user, password and options.
    Address,
    /// Nothing.
    Hidden,
}

/// What holds when nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This value, read like any other.
    Value(&'static str),
    /// No value; the words say what happens instead.
    Absent(&'static str),
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The key in `campanile.toml`.
    pub(crate) key: &'static str,
    /// The environment variable, then the names under which Novu's users know it; the first that is set wins.
    pub(crate) variables: &'static [&'static str],
    /// The flag of `serve`, if there is one.
    pub(crate) flag: Option<&'static str>,
    /// The default.
    pub(crate) fallback: Fallback,
    /// What kind of value it takes.
    pub(crate) kind: Kind,
    /// Whether the value may be seen.
    pub(crate) secrecy: Secrecy,
    /// The heading under which the documentation has it.
    pub(crate) group: &'static str,
    /// What it does.
    pub(crate) meaning: &'static str,
    /// A usable value.
    pub(crate) example: &'static str,
    /// Why any value but the default is refused for now.
    pub(crate) later: Option<&'static str>,
}

impl Setting {
    /// Whether the value may also come from a file that `…_FILE` names.
    pub(crate) fn takes_file(&self) -> bool {
        self.secrecy != Secrecy::Open
    }
}

/// The variable that the words `<ID>` of a pattern become for one provider.
pub(crate) fn for_provider(pattern: &str, id: &str) -> String {
    pattern
        .replace("<ID>", &id.to_ascii_uppercase().replace('-', "_"))
        .replace("<id>", id)
}

/// The row with this key.
pub(super) fn setting(key: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .expect("the key of a setting is a row of the table")
}

/// What most rows have in common.
const ROW: Setting = Setting {
    key: "",
    variables: &[],
    flag: None,
    fallback: Fallback::Absent("none"),
    kind: Kind::One,
    secrecy: Secrecy::Open,
    group: "",
    meaning: "",
    example: "",
    later: None,
};

const SERVER: &str = "Server";
const DATA: &str = "Data and keys";
const FIRST_START: &str = "First start";
const OUTGOING: &str = "Outgoing calls";
const API: &str = "API";
const OBSERVING: &str = "Logs and metrics";
const RETENTION: &str = "Retention";

const REMOVAL_LATER: &str = "removing old data comes in a later version";

/// All settings, in the order in which they are documented.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variables: &["CAMPANILE_LISTEN"],
        flag: Some("--listen"),
        fallback: Fallback::Value("127.0.0.1:3000"),
        group: SERVER,
        meaning: "The address and the one port for API, socket and dashboard.",
        example: "0.0.0.0:3000",
        ..ROW
    },
    Setting {
        key: "public_url",
        variables: &["CAMPANILE_PUBLIC_URL", "API_ROOT_URL"],
        flag: Some("--public-url"),
        fallback: Fallback::Absent("`http://<listen>` on a loopback listener, else none"),
        group: SERVER,
        meaning: "The URL under which customers' browsers and providers reach the server. It is never taken from the \
                  `Host` header; on a non-loopback listener, OAuth and hosted pages refuse to work without it.",
        example: "https://notify.example.com",
        ..ROW
    },
    Setting {
        key: "trusted_proxies",
        variables: &["CAMPANILE_TRUSTED_PROXIES"],
        kind: Kind::List,
        group: SERVER,
        meaning: "The addresses and networks of the reverse proxies whose `X-Forwarded-*` headers count.",
        example: "10.0.0.0/8,::1",
        ..ROW
    },
    Setting {
        key: "roles",
        variables: &["CAMPANILE_ROLES"],
        fallback: Fallback::Value("api,worker,realtime"),
        kind: Kind::List,
        group: SERVER,
        meaning: "What this node does.",
        example: "api,worker,realtime",
        later: Some("nodes with some of the roles come in a later version"),
        ..ROW
    },
    Setting {
        key: "dev",
        variables: &["CAMPANILE_DEV"],
        flag: Some("--dev"),
        fallback: Fallback::Value("false"),
        group: SERVER,
        meaning: "Dev mode: messages go to a built-in outbox instead of the world, and an example is set up. It \
                  refuses a non-loopback listener.",
        example: "true",
        ..ROW
    },
    Setting {
        key: "data_dir",
        variables: &["CAMPANILE_DATA_DIR"],
        flag: Some("--data-dir"),
        fallback: Fallback::Value("./data"),
        group: DATA,
        meaning: "The directory of the SQLite file and of generated keys; it is made with mode 0700.",
        example: "/var/lib/campanile",
        ..ROW
    },
    Setting {
        key: "database_url",
        variables: &["CAMPANILE_DATABASE_URL"],
        flag: Some("--database-url"),
        fallback: Fallback::Absent("`sqlite:<data dir>/campanile.db`"),
        secrecy: Secrecy::Address,
        group: DATA,
        meaning: "The database: a SQLite file, or PostgreSQL 15 or newer.",
        example: "postgres://campanile:password@db.example.com/campanile",
        ..ROW
    },
    Setting {
        key: "database_direct_url",
        variables: &["CAMPANILE_DATABASE_DIRECT_URL"],
        secrecy: Secrecy::Address,
        group: DATA,
        meaning: "A second address of the same PostgreSQL for `LISTEN`, for when the first is a pooler, which cannot \
                  pass notices on; without it, the server polls there.",
        example: "postgres://campanile:password@db.example.com:5432/campanile",
        ..ROW
    },
    Setting {
        key: "no_migrate",
        variables: &["CAMPANILE_NO_MIGRATE"],
        flag: Some("--no-migrate"),
        fallback: Fallback::Value("false"),
        group: DATA,
        meaning: "Refuse to start on a database that is not up to date, instead of migrating it.",
        example: "true",
        ..ROW
    },
    Setting {
        key: "encryption_key",
        variables: &["CAMPANILE_ENCRYPTION_KEY", "STORE_ENCRYPTION_KEY"],
        fallback: Fallback::Absent("generated in the data directory; required with PostgreSQL"),
        kind: Kind::List,
        secrecy: Secrecy::Hidden,
        group: DATA,
        meaning: "The master key: 32 bytes in base64 or hex, or Novu's 32 raw characters. Of several, the first seals \
                  and all open. `openssl rand -base64 32` makes one.",
        example: "the output of `openssl rand -base64 32`",
        ..ROW
    },
    Setting {
        key: "bootstrap_secret_key",
        variables: &["CAMPANILE_BOOTSTRAP_SECRET_KEY"],
        fallback: Fallback::Absent("generated"),
        secrecy: Secrecy::Hidden,
        group: FIRST_START,
        meaning: "The API key of the environment Development, used when the database is created.",
        example: "a random text of 32 characters",
        ..ROW
    },
    Setting {
        key: "bootstrap_application_identifier",
        variables: &["CAMPANILE_BOOTSTRAP_APPLICATION_IDENTIFIER"],
        fallback: Fallback::Absent("generated"),
        group: FIRST_START,
        meaning: "The application identifier of Development, used when the database is created.",
        example: "acme-development",
        ..ROW
    },
    Setting {
        key: "bootstrap_production_secret_key",
        variables: &["CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY"],
        fallback: Fallback::Absent("generated"),
        secrecy: Secrecy::Hidden,
        group: FIRST_START,
        meaning: "The API key of the environment Production, used when the database is created.",
        example: "a random text of 32 characters",
        ..ROW
    },
    Setting {
        key: "bootstrap_production_application_identifier",
        variables: &["CAMPANILE_BOOTSTRAP_PRODUCTION_APPLICATION_IDENTIFIER"],
        fallback: Fallback::Absent("generated"),
        group: FIRST_START,
        meaning: "The application identifier of Production, used when the database is created.",
        example: "acme-production",
        ..ROW
    },
    Setting {
        key: "providers.<id>.base_url",
        variables: &["CAMPANILE_PROVIDERS__<ID>__BASE_URL"],
        fallback: Fallback::Absent("the provider's own"),
        kind: Kind::PerProvider,
        group: OUTGOING,
        meaning: "Another scheme, host and port for one provider: an emulator, a government cloud, a proxy. The \
                  provider's path stays. `<ID>` is the provider's id in capitals, with `-` as `_`. Slack's also covers \
                  its authorize page.",
        example: "http://127.0.0.1:4100",
        ..ROW
    },
    Setting {
        key: "providers.msteams.login_url",
        variables: &["CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL"],
        fallback: Fallback::Absent("Microsoft's own"),
        group: OUTGOING,
        meaning: "Another scheme, host and port for Microsoft's sign-in and tokens, for Teams.",
        example: "https://login.microsoftonline.us",
        ..ROW
    },
    Setting {
        key: "providers.msteams.graph_url",
        variables: &["CAMPANILE_PROVIDERS__MSTEAMS__GRAPH_URL"],
        fallback: Fallback::Absent("Microsoft's own"),
        group: OUTGOING,
        meaning: "Another scheme, host and port for Microsoft Graph, for Teams.",
        example: "https://graph.microsoft.us",
        ..ROW
    },
    Setting {
        key: "providers.msteams.bot_url",
        variables: &["CAMPANILE_PROVIDERS__MSTEAMS__BOT_URL"],
        fallback: Fallback::Absent("Microsoft's own"),
        group: OUTGOING,
        meaning: "Another scheme, host and port for the Bot Framework, for Teams.",
        example: "http://127.0.0.1:4101",
        ..ROW
    },
    Setting {
        key: "allow_private_networks",
        variables: &["CAMPANILE_ALLOW_PRIVATE_NETWORKS"],
        fallback: Fallback::Value("false"),
        group: OUTGOING,
        meaning: "Lets customer-supplied URLs reach private addresses, but never cloud metadata addresses.",
        example: "true",
        ..ROW
    },
    Setting {
        key: "allowed_private_hosts",
        variables: &["CAMPANILE_ALLOWED_PRIVATE_HOSTS"],
        kind: Kind::List,
        group: OUTGOING,
        meaning: "The private host names, addresses and networks that customer-supplied URLs may reach, instead of all.",
        example: "hooks.internal,10.1.0.0/16",
        ..ROW
    },
    Setting {
        key: "outbound_proxy",
        variables: &["CAMPANILE_OUTBOUND_PROXY"],
        secrecy: Secrecy::Address,
        group: OUTGOING,
        meaning: "The HTTP proxy for outgoing calls.",
        example: "http://proxy.internal:3128",
        ..ROW
    },
    Setting {
        key: "ca_file",
        variables: &["CAMPANILE_CA_FILE"],
        group: OUTGOING,
        meaning: "A PEM file of certificate authorities that outgoing calls trust besides the system's.",
        example: "/etc/ssl/company-ca.pem",
        ..ROW
    },
    Setting {
        key: "rate_limit",
        variables: &["CAMPANILE_RATE_LIMIT"],
        fallback: Fallback::Value("off"),
        group: API,
        meaning: "Whether the API limits the rate of calls as Novu does.",
        example: "on",
        ..ROW
    },
    Setting {
        key: "connection_tokens",
        variables: &["CAMPANILE_CONNECTION_TOKENS"],
        fallback: Fallback::Value("single"),
        group: API,
        meaning: "What API-key callers see of a connection's `auth`: `single` shows it in full when one connection is \
                  read or written and masked in lists, `full` always shows it, `masked` never does.",
        example: "masked",
        ..ROW
    },
    Setting {
        key: "jwt_secret",
        variables: &["CAMPANILE_JWT_SECRET", "JWT_SECRET"],
        fallback: Fallback::Absent("derived from the root key"),
        secrecy: Secrecy::Hidden,
        group: API,
        meaning: "Signs the sessions of the inbox and the dashboard.",
        example: "a random text of 32 characters",
        ..ROW
    },
    Setting {
        key: "inbox_session_ttl",
        variables: &["CAMPANILE_INBOX_SESSION_TTL", "SUBSCRIBER_WIDGET_JWT_EXPIRATION_TIME"],
        fallback: Fallback::Value("15d"),
        group: API,
        meaning: "How long an inbox session lives; the official clients never renew one.",
        example: "15d",
        ..ROW
    },
    Setting {
        key: "metrics_listen",
        variables: &["CAMPANILE_METRICS_LISTEN"],
        fallback: Fallback::Value("off"),
        group: OBSERVING,
        meaning: "An address of its own for Prometheus. When off, `/metrics` is on the main port, for loopback callers \
                  without any forwarding header.",
        example: "0.0.0.0:9464",
        ..ROW
    },
    Setting {
        key: "log",
        variables: &["CAMPANILE_LOG"],
        fallback: Fallback::Value("info"),
        group: OBSERVING,
        meaning: "What is logged: a level, or a list of levels by module.",
        example: "info,campanile_engine=debug",
        ..ROW
    },
    Setting {
        key: "log_format",
        variables: &["CAMPANILE_LOG_FORMAT"],
        fallback: Fallback::Value("auto"),
        group: OBSERVING,
        meaning: "The form of the log: `pretty`, `json`, or `auto`, which is pretty on a terminal and JSON elsewhere.",
        example: "json",
        ..ROW
    },
    Setting {
        key: "otel",
        variables: &["OTEL_*"],
        fallback: Fallback::Absent("off"),
        kind: Kind::Foreign,
        group: OBSERVING,
        meaning: "The standard OpenTelemetry variables. Exporting comes in a later version; until then they are ignored \
                  and never refused, because other programs use them too.",
        example: "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
        ..ROW
    },
    Setting {
        key: "retention_events",
        variables: &["CAMPANILE_RETENTION_EVENTS"],
        fallback: Fallback::Value("30d"),
        group: RETENTION,
        meaning: "How long events and their notifications are kept after their last job ended.",
        example: "30d",
        later: Some(REMOVAL_LATER),
        ..ROW
    },
    Setting {
        key: "retention_messages",
        variables: &["CAMPANILE_RETENTION_MESSAGES"],
        fallback: Fallback::Value("30d"),
        group: RETENTION,
        meaning: "How long messages other than in-app ones are kept.",
        example: "30d",
        later: Some(REMOVAL_LATER),
        ..ROW
    },
    Setting {
        key: "retention_traces",
        variables: &["CAMPANILE_RETENTION_TRACES"],
        fallback: Fallback::Value("30d"),
        group: RETENTION,
        meaning: "How long the traces that explain jobs are kept.",
        example: "30d",
        later: Some(REMOVAL_LATER),
        ..ROW
    },
    Setting {
        key: "retention_inbox",
        variables: &["CAMPANILE_RETENTION_INBOX"],
        fallback: Fallback::Value("365d"),
        group: RETENTION,
        meaning: "How long in-app messages are kept.",
        example: "365d",
        later: Some(REMOVAL_LATER),
        ..ROW
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Fallback, Kind, SETTINGS};

    #[test]
    fn keys_follow_from_variables() {
        for setting in SETTINGS.iter().filter(|setting| setting.kind != Kind::Foreign) {
            let key = setting.variables[0]
                .strip_prefix("CAMPANILE_")
                .unwrap()
                .to_lowercase()
                .replace("__", ".");
            assert_eq!(setting.key, key);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: Vec<_> = SETTINGS
            .iter()
            .flat_map(|s| s.variables.iter().chain(&s.flag).chain([&s.key]))
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn every_row_is_complete() {
        for setting in SETTINGS {
            assert!(
                !setting.group.is_empty() && !setting.example.is_empty(),
                "{}",
                setting.key
            );
            assert!(setting.meaning.ends_with('.'), "{}", setting.key);
            let (Fallback::Value(words) | Fallback::Absent(words)) = setting.fallback;
            assert!(!words.is_empty(), "{}", setting.key);
        }
    }
}
