//! Dev mode's example: a workflow, a subscriber, a chat connection and an endpoint, and the `curl` line that triggers
//! them.

use std::io::IsTerminal;
use std::net::SocketAddr;

use campanile_api::App;
use campanile_model::Ctx;
use campanile_store::first_start::FirstStart;

use crate::config::Config;
use crate::{Failure, keys, output};

const KEY_FILE: &str = "dev-key";

/// Seeds the example into a new database.
pub(crate) async fn seed(app: &App, made: &FirstStart) -> Result<(), Failure> {
    let environment = &made.development.environment;
    let ctx = Ctx::system(environment.organization_id, environment.id, "dev-example");
    campanile_api::seed_example(app, &ctx)
        .await
        .map_err(|error| Failure::new(format!("The example could not be stored: {error}")))
}

/// Prints the banner and the `curl` line. Where the key may not be printed, the line reads it in place.
pub(crate) fn tell(config: &Config, bound: SocketAddr, made: Option<&FirstStart>) -> Result<(), Failure> {
    let file = config.data_dir.join(KEY_FILE);
    if let Some(made) = made
        && !made.development.secret_key_chosen
    {
        keys::write_private(&file, &made.development.secret_key)?;
    }
    let key = if config.bootstrap.secret_key.is_some() {
        "$CAMPANILE_BOOTSTRAP_SECRET_KEY".to_owned()
    } else {
        match std::fs::read_to_string(&file) {
            Ok(key) if std::io::stdout().is_terminal() => key.trim().to_owned(),
            Ok(_) => format!("$(cat {})", shell_word(&file.display().to_string())),
            Err(_) => "<your Development secret key>".to_owned(),
        }
    };
    output::text(&format!(
        "\n\
         ┌──────────────────────────────────────────────────────────────────────┐\n\
         │ DEV MODE: messages stay in the outbox. Never use this in production. │\n\
         └──────────────────────────────────────────────────────────────────────┘\n\
         Outbox: http://{bound}/dev\n\
         Trigger the example, then look at the outbox:\n\n\
         curl -X POST http://{bound}/v1/events/trigger \\\n  \
           -H \"Authorization: ApiKey {key}\" \\\n  \
           -H 'Content-Type: application/json' \\\n  \
           -d '{{\"name\":\"welcome\",\"to\":\"demo\",\"payload\":{{\"product\":\"Campanile\"}}}}'\n\n"
    ))
}

/// A path as one word of the shell.
fn shell_word(path: &str) -> String {
    let plain = path
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_'));
    if plain {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_of_the_shell() {
        assert_eq!(shell_word("./data/dev-key"), "./data/dev-key");
        assert_eq!(shell_word("/a b/it's"), "'/a b/it'\\''s'");
    }
}
