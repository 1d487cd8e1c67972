//! Starts that are refused, each with a sentence that says what to do.

use crate::server::{MASTER, Place};

#[tokio::test]
async fn an_unknown_variable_is_refused_by_name() {
    let place = Place::new().with("CAMPANILE_DATBASE_URL", "sqlite:x.db");
    let ran = place.refused(&[]).await;
    ran.refuses(1, &["CAMPANILE_DATBASE_URL", "did you mean CAMPANILE_DATABASE_URL?"]);
    assert!(!place.data().exists());
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let place = Place::new();
    let _first = place.start(&[]).await;
    let other = Place::new().with("CAMPANILE_DATA_DIR", &place.data().display().to_string());
    let ran = other.refused(&[]).await;
    ran.refuses(
        1,
        &["another Campanile already uses", &place.data().display().to_string()],
    );
}

#[tokio::test]
async fn postgres_without_an_encryption_key_is_refused() {
    let place = Place::new().with("CAMPANILE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/x");
    let ran = place.refused(&[]).await;
    ran.refuses(
        1,
        &[
            "CAMPANILE_DATABASE_URL",
            "CAMPANILE_ENCRYPTION_KEY",
            "openssl rand -base64 32",
        ],
    );
}

#[tokio::test]
async fn a_wrong_master_key_is_refused() {
    let place = Place::new().with("CAMPANILE_ENCRYPTION_KEY", MASTER);
    let mut server = place.start(&[]).await;
    server.kill();
    let place = place.with("CAMPANILE_ENCRYPTION_KEY", &MASTER.replace("5a", "b7"));
    let ran = place.refused(&[]).await;
    ran.refuses(1, &["sealed under master key", "CAMPANILE_ENCRYPTION_KEY"]);
    assert!(!format!("{ran:?}").contains(MASTER));
    // Together with the right one it only seals from now on.
    let both = format!("{},{MASTER}", MASTER.replace("5a", "b7"));
    place.with("CAMPANILE_ENCRYPTION_KEY", &both).start(&[]).await;
}

#[tokio::test]
async fn a_database_is_only_used_in_the_mode_that_it_was_made_in() {
    let dev = Place::new();
    dev.start(&["--dev"]).await.kill();
    dev.refused(&[]).await.refuses(1, &["was made in dev mode", "--dev"]);
    let plain = Place::new();
    plain.start(&[]).await.kill();
    plain
        .refused(&["--dev"])
        .await
        .refuses(1, &["was not made in dev mode", "Start without --dev"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused() {
    let first = Place::new();
    let _server = first.start(&[]).await;
    let other = Place::new().with("CAMPANILE_LISTEN", &first.address().to_string());
    let ran = other.refused(&[]).await;
    ran.refuses(
        1,
        &["Cannot listen on", &first.address().to_string(), "CAMPANILE_LISTEN"],
    );
}

#[tokio::test]
async fn an_old_database_is_refused_when_migrations_are_off() {
    let place = Place::new();
    let ran = place.refused(&["--no-migrate"]).await;
    ran.refuses(1, &["not up to date", "campanile migrate"]);
    place.run(&["migrate"]);
    place.start(&["--no-migrate"]).await;
}
