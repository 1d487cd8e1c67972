//! What the commands print, and how they end.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::server::{BINARY, KEY, MASTER, Place, STOPS_WITHIN};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let ran = Place::new().run(&["--help"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for word in [
        "serve",
        "migrate",
        "healthcheck",
        "openapi",
        "Exit codes: 0 done, 1 failed, 2 wrong usage.",
    ] {
        assert!(ran.stdout.contains(word), "{word} is not in {}", ran.stdout);
    }
    let version = Place::new().run(&["--version"]);
    assert_eq!(version.stdout, format!("campanile {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_2() {
    for line in [&["doctor"][..], &["serve", "--port", "1"], &["serve", "--listen"], &[]] {
        let ran = Place::new().run(line);
        assert_eq!(ran.code, Some(2), "{line:?}: {ran:?}");
        assert!(
            ran.stderr.contains("--help") && !ran.stderr.contains("panicked"),
            "{ran:?}"
        );
    }
    let place = Place::new();
    place
        .run(&["serve", "--listen", "nowhere"])
        .refuses(2, &["--listen", "\"nowhere\""]);
}

#[test]
fn migrate_shows_the_sql_first_and_then_runs_it_once() {
    let place = Place::new();
    let shown = place.run(&["migrate", "--dry-run"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("CREATE TABLE events"), "{}", shown.stdout);
    assert!(!place.data().exists(), "a dry run makes nothing");
    let ran = place.run(&["migrate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.starts_with("The database was brought up to date by "),
        "{ran:?}"
    );
    assert_eq!(mode(&place.data()), 0o700);
    let again = place.run(&["migrate"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "The database is up to date.\n")
    );
    assert_eq!(place.run(&["migrate", "--dry-run"]).stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_runs_on_postgres_without_a_key() {
    let place = Place::new().with("CAMPANILE_DATABASE_URL", &campanile_testkit::empty_database().await);
    let shown = place.run(&["migrate", "--dry-run"]);
    assert!(shown.stdout.contains("CREATE TABLE events"), "{shown:?}");
    let ran = place.run(&["migrate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.starts_with("The database was brought up to date by "),
        "{ran:?}"
    );
    assert_eq!(place.run(&["migrate"]).stdout, "The database is up to date.\n");
}

#[test]
fn openapi_prints_a_document_and_survives_a_reader_that_leaves() {
    let ran = Place::new().run(&["openapi"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["openapi"], "3.0.3");
    let child = Command::new(BINARY)
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe's end is closed before anything can be written into it as a whole.
    let mut child = child;
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
}

#[tokio::test]
async fn healthcheck_tells_a_ready_server_from_none() {
    let place = Place::new();
    let none = place.run(&["healthcheck"]);
    none.refuses(1, &["is not ready", &place.address().to_string()]);
    let _server = place.start(&[]).await;
    let ready = place.run(&["healthcheck"]);
    assert_eq!(
        (ready.code, ready.stdout.as_str(), ready.stderr.as_str()),
        (Some(0), "", "")
    );
    let by_url = place.run(&["healthcheck", "--url", &format!("http://{}", place.address())]);
    assert_eq!(by_url.code, Some(0));
}

#[test]
fn the_shown_configuration_masks_every_secret() {
    let place = Place::new().with_key().with("CAMPANILE_ENCRYPTION_KEY", MASTER).with(
        "CAMPANILE_DATABASE_URL",
        "postgres://user:hunter2@db.example.com/campanile",
    );
    let ran = place.run(&["serve", "--print-config"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.contains("CAMPANILE_ENCRYPTION_KEY") && ran.stdout.contains("***"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("db.example.com"), "{}", ran.stdout);
    for secret in [KEY, MASTER, "hunter2"] {
        assert!(
            !format!("{}{}", ran.stdout, ran.stderr).contains(secret),
            "{secret} is shown"
        );
    }
    assert!(!place.data().exists());
}

#[tokio::test]
async fn the_first_start_keeps_its_secrets_in_private_files() {
    let place = Place::new();
    let mut server = place.start(&[]).await;
    let file = place.data().join("first-start.txt");
    assert_eq!(
        (mode(&place.data()), mode(&file), mode(&place.data().join("master-key"))),
        (0o700, 0o600, 0o600)
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("secret key: ").map(|(_, key)| key))
        .collect();
    assert_eq!(keys.len(), 2);
    let master = std::fs::read_to_string(place.data().join("master-key")).unwrap();
    let printed = format!("{}{}", server.printed("stdout"), server.printed("stderr"));
    assert!(printed.contains("first-start.txt"), "{printed}");
    for secret in keys.into_iter().chain([master.trim()]) {
        assert!(secret.len() >= 32 && !printed.contains(secret), "{secret} is printed");
    }
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    // The second start says nothing of it any more.
    let server = place.start(&[]).await;
    assert!(!server.printed("stdout").contains("First start"));
}

#[tokio::test]
async fn a_key_that_the_operator_chose_is_written_nowhere() {
    let place = Place::new().with_key();
    let server = place.start(&[]).await;
    let text = std::fs::read_to_string(place.data().join("first-start.txt")).unwrap();
    assert!(
        text.contains("Production secret key: ") && !text.contains("Development secret key: "),
        "{text}"
    );
    let answer = server
        .client()
        .await
        .call("GET", "/v1/environments", &[], None)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert!(!format!("{text}{}{}", server.printed("stdout"), server.printed("stderr")).contains(KEY));
}

#[tokio::test]
async fn sigterm_ends_the_server_with_0_also_with_connections_open() {
    let place = Place::new().with_key();
    let mut server = place.start(&[]).await;
    let mut client = server.client().await;
    assert_eq!(
        client.call("GET", "/v2/subscribers", &[], None).await.unwrap().status,
        200
    );
    let told = Instant::now();
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.printed("stderr"));
    assert!(told.elapsed() < STOPS_WITHIN, "{:?}", told.elapsed());
}
