//! The rules of the configuration, as tables.

use std::io;
use std::path::Path;

use super::settings::{Kind, SETTINGS, Secrecy};
use super::{
    Config, ConfigError, ConnectionTokens, DatabaseUrl, Flags, Loaded, LogFormat, Purpose, Secret, load, print_config,
};

const KEY: &str = "an-encryption-key-of-32-letters!";

/// One attempt to load: what is given, and the files that exist.
#[derive(Default)]
struct Given<'a> {
    flags: &'a [(&'static str, &'a str)],
    env: &'a [(&'a str, &'a str)],
    files: &'a [(&'a str, &'a str)],
    config: Option<&'a str>,
    tool: bool,
}

impl Given<'_> {
    fn load(&self) -> Result<Loaded, ConfigError> {
        let purpose = if self.tool { Purpose::Tool } else { Purpose::Serve };
        let mut flags = Flags {
            config: self.config.map(Into::into),
            ..Flags::none(purpose)
        };
        for (flag, value) in self.flags {
            flags = flags.with(flag, Some(Secret::from(*value)));
        }
        let env = self
            .env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(&flags, env, |path: &Path| {
            let file = self.files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    fn refusal(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

fn env<'a>(env: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        env,
        ..Given::default()
    }
}

fn file<'a>(files: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        files,
        ..Given::default()
    }
}

fn refused(env_pairs: &[(&str, &str)]) -> String {
    env(env_pairs).refusal()
}

fn toml(text: &str) -> Result<Loaded, ConfigError> {
    file(&[("campanile.toml", text)]).load()
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = Given::default().config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir, Path::new("./data"));
    assert!(matches!(&config.database, DatabaseUrl::Sqlite(path) if path == Path::new("./data/campanile.db")));
    assert_eq!(config.public_url, None);
    assert_eq!(config.public_url().unwrap().as_str(), "http://127.0.0.1:3000/");
    assert!(config.trusted_proxies.is_empty() && config.encryption_keys.is_empty() && config.providers.is_empty());
    assert!(config.bootstrap.secret_key.is_none() && config.bootstrap.application_identifier.is_none());
    assert!(!config.dev && !config.rate_limit && !config.no_migrate && !config.allow_private_networks);
    assert!(config.allowed_private_hosts.is_empty() && config.outbound_proxy.is_none() && config.ca_file.is_none());
    assert_eq!(config.connection_tokens, ConnectionTokens::Single);
    assert_eq!(config.metrics_listen, None);
    assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Auto));
}

#[test]
fn the_flag_wins_then_the_variable_then_the_file() {
    let flag = [("--listen", "127.0.0.1:1")];
    let variable = [("CAMPANILE_LISTEN", "127.0.0.1:2")];
    let toml = [("campanile.toml", "listen = '127.0.0.1:3'")];
    for (given, port, origin) in [
        (
            Given {
                flags: &flag,
                env: &variable,
                files: &toml,
                ..Given::default()
            },
            1,
            "--listen",
        ),
        (
            Given {
                env: &variable,
                files: &toml,
                ..Given::default()
            },
            2,
            "CAMPANILE_LISTEN",
        ),
        (
            Given {
                env: &[("CAMPANILE_LISTEN", "")],
                files: &toml,
                ..Given::default()
            },
            3,
            "`listen` in campanile.toml",
        ),
        (Given::default(), 3000, "default"),
    ] {
        let loaded = given.load().unwrap();
        assert_eq!(loaded.config.listen.port(), port);
        let shown = loaded.origins.iter().find(|shown| shown.key == "listen").unwrap();
        assert_eq!(shown.origin.to_string(), origin);
    }
}

#[test]
fn the_named_file_replaces_the_default_one_and_must_exist() {
    let files = [
        ("campanile.toml", "listen = '127.0.0.1:3'"),
        ("etc/c.toml", "log = 'warn'"),
    ];
    let config = Given {
        files: &files,
        config: Some("etc/c.toml"),
        ..Given::default()
    }
    .config();
    assert_eq!((config.listen.port(), config.log.as_str()), (3000, "warn"));
    let message = Given {
        config: Some("etc/none.toml"),
        ..Given::default()
    }
    .refusal();
    assert!(
        message.starts_with("--config names etc/none.toml, which cannot be read"),
        "{message}"
    );
}

#[test]
fn every_form_in_the_file_is_read() {
    let config = toml(
        "dev = true\nrate_limit = 'on'\nno_migrate = 1\nlog_format = 'json'\ntrusted_proxies = ['10.0.0.0/8', '::1']\n\
         allowed_private_hosts = 'a.internal, b.internal'\nbootstrap_application_identifier = 1234567890\n\
         [providers.slack]\nbase_url = 'http://127.0.0.1:4100'\n[providers.africas_talking]\nbase_url = 'http://x'\n\
         [providers.msteams]\nbot_url = 'http://127.0.0.1:1'\n",
    )
    .unwrap()
    .config;
    assert!(config.dev && config.rate_limit && config.no_migrate);
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.allowed_private_hosts, ["a.internal", "b.internal"]);
    assert_eq!(config.bootstrap.application_identifier.as_deref(), Some("1234567890"));
    assert_eq!(
        config.providers.keys().collect::<Vec<_>>(),
        ["africas-talking", "msteams", "slack"]
    );
    assert!(config.providers["msteams"].bot.is_some() && config.providers["msteams"].base.is_none());
}

#[test]
fn a_file_that_cannot_be_used_is_refused_by_name() {
    for (text, words) in [
        (
            "lisen = '127.0.0.1:1'",
            "`lisen` in campanile.toml is not a setting; did you mean `listen`?",
        ),
        (
            "CAMPANILE_LISTEN = 'x'",
            "`CAMPANILE_LISTEN` in campanile.toml is not a setting",
        ),
        ("otel = 'x'", "`otel` in campanile.toml is not a setting"),
        ("[server]\nport = 1", "`server` in campanile.toml is not a setting"),
        ("[listen]\nport = 1", "`listen.port` in campanile.toml is not a setting"),
        (
            "[providers.slack]\nbase_uri = 'x'",
            "did you mean `providers.slack.base_url`?",
        ),
        (
            "[providers.slack.base_url]\na = 'x'",
            "`providers.slack.base_url.a` in campanile.toml is not a setting",
        ),
        ("providers = 'x'", "`providers` in campanile.toml is not a setting"),
        (
            "listen = ['127.0.0.1:1']",
            "`listen` in campanile.toml must be a single value",
        ),
        ("trusted_proxies = [['::1']]", "must be a text or an array of texts"),
        ("log = 1979-05-27", "must be a single value"),
        (
            "listen = ''",
            "`listen` in campanile.toml is \"\", but must be an IP address and a port",
        ),
        ("dev = 2", "`dev` in campanile.toml is \"2\", but must be true or false"),
        ("\nlisten = ", "campanile.toml is not valid TOML at line 2"),
        ("dev = true\ndev = true", "campanile.toml is not valid TOML at line 2"),
        (
            "providers.a_b.base_url = 'http://x'\nproviders.a-b.base_url = 'http://x'",
            "are both set",
        ),
    ] {
        let message = toml(text).unwrap_err().to_string();
        assert!(message.contains(words), "{text}: {message}");
    }
}

#[test]
fn variables_name_providers_in_capitals() {
    let config = env(&[
        ("CAMPANILE_PROVIDERS__SLACK__BASE_URL", "http://127.0.0.1:4100"),
        (
            "CAMPANILE_PROVIDERS__AFRICAS_TALKING__BASE_URL",
            "http://127.0.0.1:4101",
        ),
        ("CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL", "http://127.0.0.1:4102"),
        ("CAMPANILE_PROVIDERS__MSTEAMS__GRAPH_URL", "http://127.0.0.1:4103"),
    ])
    .config();
    assert_eq!(config.providers["slack"].base.as_ref().unwrap().port(), Some(4100));
    assert_eq!(
        config.providers["africas-talking"].base.as_ref().unwrap().port(),
        Some(4101)
    );
    let teams = &config.providers["msteams"];
    assert_eq!(teams.login.as_ref().unwrap().port(), Some(4102));
    assert_eq!(teams.graph.as_ref().unwrap().port(), Some(4103));
    assert_eq!(
        refused(&[("CAMPANILE_PROVIDERS__SLACK__BASE_URL", "http://127.0.0.1/api")]),
        "CAMPANILE_PROVIDERS__SLACK__BASE_URL is \"http://127.0.0.1/api\", but must be an http or https URL of scheme, \
         host and port only (the provider's path stays), for example http://127.0.0.1:4100"
    );
}

#[test]
fn the_variable_of_a_provider_wins_over_the_file() {
    let given = Given {
        env: &[("CAMPANILE_PROVIDERS__SLACK__BASE_URL", "http://127.0.0.1:1")],
        files: &[("campanile.toml", "providers.slack.base_url = 'http://127.0.0.1:2'")],
        ..Given::default()
    };
    assert_eq!(given.config().providers["slack"].base.as_ref().unwrap().port(), Some(1));
}

#[test]
fn novus_names_are_read_after_our_own() {
    let config = env(&[
        ("API_ROOT_URL", "https://novu.example.com"),
        ("STORE_ENCRYPTION_KEY", KEY),
    ])
    .config();
    assert_eq!(config.public_url.unwrap().as_str(), "https://novu.example.com/");
    assert_eq!(config.encryption_keys[0].bytes(), KEY.as_bytes());
    let both = [
        ("API_ROOT_URL", "https://novu.example.com"),
        ("CAMPANILE_PUBLIC_URL", "https://ours.example.com"),
    ];
    assert_eq!(
        env(&both).config().public_url.unwrap().as_str(),
        "https://ours.example.com/"
    );
}

#[test]
fn secrets_come_from_files_too() {
    let files = [
        ("/run/key", "an-encryption-key-of-32-letters!\r\n"),
        ("campanile.toml", "encryption_key_file = '/run/key'"),
    ];
    for env in [
        &[("CAMPANILE_ENCRYPTION_KEY_FILE", "/run/key")][..],
        &[("STORE_ENCRYPTION_KEY_FILE", "/run/key")],
        &[
            ("CAMPANILE_ENCRYPTION_KEY", ""),
            ("CAMPANILE_ENCRYPTION_KEY_FILE", "/run/key"),
        ],
        &[],
    ] {
        let config = Given {
            env,
            files: &files,
            ..Given::default()
        }
        .config();
        assert_eq!(config.encryption_keys[0].bytes(), KEY.as_bytes(), "{env:?}");
    }
}

#[test]
fn a_secret_given_twice_or_unreadable_is_refused() {
    for (given, message) in [
        (
            env(&[
                ("CAMPANILE_ENCRYPTION_KEY", KEY),
                ("CAMPANILE_ENCRYPTION_KEY_FILE", "/run/key"),
            ]),
            "CAMPANILE_ENCRYPTION_KEY and CAMPANILE_ENCRYPTION_KEY_FILE are both set; remove one of them",
        ),
        (
            env(&[("STORE_ENCRYPTION_KEY", KEY), ("STORE_ENCRYPTION_KEY_FILE", "/run/key")]),
            "STORE_ENCRYPTION_KEY and STORE_ENCRYPTION_KEY_FILE are both set; remove one of them",
        ),
        (
            file(&[("campanile.toml", "encryption_key = 'x'\nencryption_key_file = 'y'")]),
            "`encryption_key` in campanile.toml and `encryption_key_file` in campanile.toml are both set; remove one of them",
        ),
        (
            env(&[("CAMPANILE_DATABASE_URL_FILE", "/none")]),
            "CAMPANILE_DATABASE_URL_FILE names /none, which cannot be read (entity not found); mend the path or the file",
        ),
        (
            Given {
                env: &[("CAMPANILE_ENCRYPTION_KEY_FILE", "/k")],
                files: &[("/k", "\n")],
                ..Given::default()
            },
            "CAMPANILE_ENCRYPTION_KEY_FILE (/k) must be 32 bytes in base64 or hex, or 32 raw characters (several keys are \
             separated by commas); the key given has 0 characters and is neither, for example the output of \
             `openssl rand -base64 32`",
        ),
    ] {
        assert_eq!(given.refusal(), message);
    }
}

#[test]
fn unusable_values_name_the_variable_and_the_rule() {
    let bad = [
        ("CAMPANILE_LISTEN", "3000"),
        ("CAMPANILE_PUBLIC_URL", "notify.example.com"),
        ("API_ROOT_URL", "notify.example.com"),
        ("CAMPANILE_TRUSTED_PROXIES", "proxy"),
        ("CAMPANILE_ROLES", "api,wroker"),
        ("CAMPANILE_DEV", "maybe"),
        ("CAMPANILE_DATA_DIR", " "),
        ("CAMPANILE_DATABASE_URL", "mysql://u:hunter2@db"),
        ("CAMPANILE_DATABASE_DIRECT_URL", "sqlite:hunter2"),
        ("CAMPANILE_NO_MIGRATE", "x"),
        ("CAMPANILE_ENCRYPTION_KEY", "hunter2"),
        ("STORE_ENCRYPTION_KEY", "hunter2"),
        ("CAMPANILE_BOOTSTRAP_SECRET_KEY", "hunter2"),
        ("CAMPANILE_BOOTSTRAP_APPLICATION_IDENTIFIER", "a b c d e"),
        ("CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY", "hunter2"),
        ("CAMPANILE_BOOTSTRAP_PRODUCTION_APPLICATION_IDENTIFIER", "short"),
        ("CAMPANILE_PROVIDERS__SLACK__BASE_URL", "slack"),
        ("CAMPANILE_PROVIDERS__MSTEAMS__LOGIN_URL", "login"),
        ("CAMPANILE_PROVIDERS__MSTEAMS__GRAPH_URL", "graph"),
        ("CAMPANILE_PROVIDERS__MSTEAMS__BOT_URL", "https://u:hunter2@bot"),
        ("CAMPANILE_ALLOW_PRIVATE_NETWORKS", "10.0.0.0/8"),
        ("CAMPANILE_ALLOWED_PRIVATE_HOSTS", "http://a"),
        ("CAMPANILE_OUTBOUND_PROXY", "socks5://u:hunter2@proxy"),
        ("CAMPANILE_CA_FILE", " "),
        ("CAMPANILE_RATE_LIMIT", "100"),
        ("CAMPANILE_CONNECTION_TOKENS", "none"),
        ("CAMPANILE_INBOX_SESSION_TTL", "15"),
        ("CAMPANILE_METRICS_LISTEN", "9090"),
        ("CAMPANILE_LOG", "infoo"),
        ("CAMPANILE_LOG_FORMAT", "text"),
        ("CAMPANILE_JWT_SECRET", "hunter2"),
        ("CAMPANILE_RETENTION_EVENTS", "30"),
        ("CAMPANILE_RETENTION_MESSAGES", "30"),
        ("CAMPANILE_RETENTION_TRACES", "30"),
        ("CAMPANILE_RETENTION_INBOX", "30"),
    ];
    for (variable, value) in bad {
        let message = refused(&[(variable, value)]);
        assert!(
            message.starts_with(variable) && message.contains("must be "),
            "{message}"
        );
        assert!(message.contains(", for example "), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    for setting in SETTINGS.iter().filter(|s| s.kind == Kind::One || s.kind == Kind::List) {
        let tried = bad.iter().any(|(variable, _)| setting.variables.contains(variable));
        assert!(tried, "{} has no unusable value in this test", setting.key);
    }
}

#[test]
fn a_wrong_flag_is_wrong_usage() {
    let error = Given {
        flags: &[("--listen", "x")],
        ..Given::default()
    }
    .load()
    .unwrap_err();
    let message = "--listen is \"x\", but must be an IP address and a port, for example 0.0.0.0:3000";
    assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 2));
    assert_eq!(env(&[("CAMPANILE_LISTEN", "x")]).load().unwrap_err().exit_code(), 1);
}

#[test]
fn what_comes_later_takes_only_its_default() {
    for (variable, default, other) in [
        ("CAMPANILE_ROLES", "worker, realtime,api", "api"),
        ("CAMPANILE_RETENTION_EVENTS", "30d", "31d"),
        ("CAMPANILE_RETENTION_MESSAGES", "720h", "1d"),
        ("CAMPANILE_RETENTION_TRACES", "30d", "1d"),
        ("CAMPANILE_RETENTION_INBOX", "365d", "30d"),
    ] {
        assert!(env(&[(variable, default)]).load().is_ok(), "{variable}");
        let message = refused(&[(variable, other)]);
        assert!(
            message.starts_with(&format!("{variable} has no effect yet, because ")),
            "{message}"
        );
    }
}

#[test]
fn every_setting_that_comes_later_is_refused() {
    for setting in SETTINGS.iter().filter(|setting| setting.later.is_some()) {
        let value = if setting.key == "roles" { "api" } else { "77d" };
        let message = refused(&[(setting.variables[0], value)]);
        assert!(message.contains("has no effect yet"), "{message}");
    }
}

#[test]
fn settings_must_fit_together() {
    let postgres = ("CAMPANILE_DATABASE_URL", "postgres://u:hunter2@db/x");
    for (pairs, message) in [
        (
            &[("CAMPANILE_DEV", "true"), ("CAMPANILE_LISTEN", "0.0.0.0:3000")][..],
            "dev mode (CAMPANILE_DEV) works only on loopback, but CAMPANILE_LISTEN is 0.0.0.0:3000; \
             use 127.0.0.1:3000, or leave dev mode",
        ),
        (
            &[("CAMPANILE_DEV", "true"), ("CAMPANILE_METRICS_LISTEN", "[::]:9464")],
            "dev mode (CAMPANILE_DEV) works only on loopback, but CAMPANILE_METRICS_LISTEN is [::]:9464; \
             use 127.0.0.1:9464, or leave dev mode",
        ),
        (
            &[postgres],
            "CAMPANILE_DATABASE_URL names PostgreSQL, which needs CAMPANILE_ENCRYPTION_KEY; set it on every node to the \
             same key, made by `openssl rand -base64 32`",
        ),
        (
            &[("CAMPANILE_DATABASE_DIRECT_URL", "postgres://u:hunter2@db/x")],
            "CAMPANILE_DATABASE_DIRECT_URL is for PostgreSQL, but the database is SQLite; remove it, or set \
             CAMPANILE_DATABASE_URL to a postgres:// address",
        ),
        (
            &[("CAMPANILE_METRICS_LISTEN", "127.0.0.1:3000")],
            "CAMPANILE_METRICS_LISTEN and CAMPANILE_LISTEN are the same address; give the metrics a port of their own",
        ),
        (
            &[
                ("CAMPANILE_ALLOW_PRIVATE_NETWORKS", "1"),
                ("CAMPANILE_ALLOWED_PRIVATE_HOSTS", "a.internal"),
            ],
            "CAMPANILE_ALLOW_PRIVATE_NETWORKS allows all private addresses, so CAMPANILE_ALLOWED_PRIVATE_HOSTS would mean \
             nothing; remove one of them",
        ),
        (
            &[
                ("CAMPANILE_BOOTSTRAP_SECRET_KEY", "hunter2-hunter2"),
                ("CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY", "hunter2-hunter2"),
            ],
            "CAMPANILE_BOOTSTRAP_SECRET_KEY and CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY are equal, but each environment \
             needs its own; change one of them",
        ),
    ] {
        assert_eq!(refused(pairs), message);
    }
    assert!(
        env(&[("CAMPANILE_DEV", "true"), ("CAMPANILE_LISTEN", "[::1]:3000")])
            .load()
            .is_ok()
    );
    assert!(env(&[("CAMPANILE_LISTEN", "0.0.0.0:3000")]).load().is_ok());
    // Migrating needs no key: it seals nothing.
    assert!(
        Given {
            env: &[postgres],
            tool: true,
            ..Given::default()
        }
        .load()
        .is_ok()
    );
}

#[test]
fn the_certificates_are_there_at_the_start() {
    let variable = [("CAMPANILE_CA_FILE", "/ca.pem")];
    let with = |files| Given {
        env: &variable,
        files,
        ..Given::default()
    };
    assert!(with(&[("/ca.pem", "-----BEGIN CERTIFICATE-----\n")]).load().is_ok());
    assert!(
        with(&[("/ca.pem", "PK")])
            .refusal()
            .starts_with("CAMPANILE_CA_FILE is \"/ca.pem\", but must be a PEM file")
    );
    assert!(
        with(&[])
            .refusal()
            .starts_with("CAMPANILE_CA_FILE names /ca.pem, which cannot be read")
    );
}

#[test]
fn postgres_takes_a_direct_address() {
    let config = env(&[
        ("CAMPANILE_DATABASE_URL", "postgres://u:p@pooler/x"),
        ("CAMPANILE_DATABASE_DIRECT_URL", "postgres://u:p@db/x"),
        ("CAMPANILE_ENCRYPTION_KEY", KEY),
    ])
    .config();
    let DatabaseUrl::Postgres { url, direct_url } = config.database else {
        panic!("not PostgreSQL")
    };
    assert_eq!(
        (url.expose(), direct_url.unwrap().expose()),
        ("postgres://u:p@pooler/x", "postgres://u:p@db/x")
    );
}

#[test]
fn the_public_url_has_a_default_on_loopback_only() {
    for (listen, public, url) in [
        ("127.0.0.1:3000", "", Some("http://127.0.0.1:3000/")),
        ("[::1]:8080", "", Some("http://[::1]:8080/")),
        ("0.0.0.0:3000", "", None),
        ("192.168.1.5:3000", "", None),
        ("0.0.0.0:3000", "https://n.example.com", Some("https://n.example.com/")),
        (
            "127.0.0.1:3000",
            "https://n.example.com/sub",
            Some("https://n.example.com/sub/"),
        ),
    ] {
        let config = env(&[("CAMPANILE_LISTEN", listen), ("CAMPANILE_PUBLIC_URL", public)]).config();
        assert_eq!(
            config.public_url().map(String::from).as_deref(),
            url,
            "{listen} {public}"
        );
    }
    let config = env(&[("CAMPANILE_LISTEN", "127.0.0.1:0")]).config();
    let bound = "127.0.0.1:49152".parse().unwrap();
    assert_eq!(config.public_url_at(bound).unwrap().as_str(), "http://127.0.0.1:49152/");
}

#[test]
fn the_local_url_reaches_the_listener() {
    for (listen, url) in [
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(env(&[("CAMPANILE_LISTEN", listen)]).config().local_url(), url);
    }
}

#[test]
fn the_printed_configuration_shows_origins_and_masks_secrets() {
    let given = Given {
        flags: &[("--data-dir", "/var/lib/c")],
        env: &[
            ("CAMPANILE_DATABASE_URL_FILE", "/run/db"),
            ("STORE_ENCRYPTION_KEY", "hunter2-hunter2-hunter2-hunter2-"),
            ("CAMPANILE_BOOTSTRAP_SECRET_KEY", "hunter2-hunter2"),
            ("CAMPANILE_OUTBOUND_PROXY", "http://u:hunter2@proxy:3128"),
            ("CAMPANILE_PROVIDERS__SLACK__BASE_URL", "http://127.0.0.1:4100"),
        ],
        files: &[
            ("/run/db", "postgres://u:hunter2@db/x?password=hunter2\n"),
            ("campanile.toml", "rate_limit = true"),
        ],
        ..Given::default()
    };
    let loaded = given.load().unwrap();
    let printed = print_config(&loaded);
    assert!(
        !printed.contains("hunter2") && !format!("{loaded:?}").contains("hunter2"),
        "{printed}\n{loaded:?}"
    );
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    for line in [
        &["listen", "127.0.0.1:3000", "default"][..],
        &["data_dir", "/var/lib/c", "--data-dir"],
        &[
            "database_url",
            "postgres://***@db/x",
            "CAMPANILE_DATABASE_URL_FILE",
            "(/run/db)",
        ],
        &["encryption_key", "***", "STORE_ENCRYPTION_KEY"],
        &["bootstrap_secret_key", "***", "CAMPANILE_BOOTSTRAP_SECRET_KEY"],
        &["bootstrap_production_secret_key", "(generated)", "default"],
        &["outbound_proxy", "http://***@proxy:3128", "CAMPANILE_OUTBOUND_PROXY"],
        &[
            "providers.slack.base_url",
            "http://127.0.0.1:4100",
            "CAMPANILE_PROVIDERS__SLACK__BASE_URL",
        ],
        &["rate_limit", "true", "`rate_limit`", "in", "campanile.toml"],
        &["public_url", "http://127.0.0.1:3000/", "default"],
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line:?} in\n{printed}");
    }
    for setting in SETTINGS.iter().filter(|s| s.kind == Kind::One || s.kind == Kind::List) {
        assert!(
            lines.iter().any(|line| line.first() == Some(&setting.key)),
            "{}",
            setting.key
        );
    }
}

#[test]
fn a_derived_database_is_shown_as_it_is() {
    let printed = print_config(&env(&[("CAMPANILE_DATA_DIR", "/d")]).load().unwrap());
    assert!(printed.contains("sqlite:/d/campanile.db"), "{printed}");
}

#[test]
fn a_secret_in_a_broken_file_is_not_repeated() {
    for text in [
        "encryption_key = 'hunter2",
        "encryption_key = hunter2",
        "encryption_key = 'hunter2'\nencryption_key = 'hunter2'",
        "database_url = 'postgres://u:hunter2@db/x' x",
        "[encryption_key.'a']\nb = 'hunter2'",
        "encryption_key = 'hunter2'",
        "encryption_key = { a = 'hunter2' }",
    ] {
        let message = toml(text).unwrap_err().to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn every_secret_takes_a_file_and_nothing_else_does() {
    for setting in SETTINGS.iter().filter(|s| s.kind == Kind::One || s.kind == Kind::List) {
        let variable = format!("{}_FILE", setting.variables[0]);
        let message = refused(&[(&variable, "/none")]);
        let expected = if setting.secrecy == Secrecy::Open {
            "is not a setting"
        } else {
            "names /none"
        };
        assert!(message.contains(expected), "{message}");
    }
}
