//! One exchange of a refresh token, from the intent to what is written down.

use std::time::Duration;

use campanile_providers::Trust;
use campanile_providers::transport::is_loopback_url;
use campanile_providers::vendors::rotation::{Client, Exchange, Trouble, exchange_answer, exchange_request, label};
use campanile_store::StoreError;
use campanile_store::grants::rotation::{App, Ended, Intent, Rotating};
use campanile_store::grants::{CHANGED, Tokens};
use serde_json::Value;

use super::Renewal;
use super::decide::{self, Before};
use crate::Connect;

/// For one call: the lease has room for two.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Apps that are tried for one grant, where it is not known which of them it is of.
const APPS: usize = 2;
/// When the database does not take a new pair, which exists nowhere else, writing is tried again after these times.
const WRITES: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(10),
];

/// Whether dev mode keeps calls to this vendor from going out: they would leave this machine.
pub(super) fn stays_here(connect: &Connect, provider_id: &str) -> bool {
    let client = Client {
        id: String::new(),
        secret: String::new(),
    };
    connect.settings().dev
        && exchange_request(&connect.settings().bases, provider_id, &client, "")
            .is_none_or(|request| !is_loopback_url(&request.url))
}

/// The credentials with which a refresh token can be exchanged, each once.
pub(super) fn clients(apps: &[App]) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for app in apps {
        let filled = |name: &str| {
            let text = app.credentials.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        if let (Some(id), Some(secret)) = (filled("clientId"), filled("secretKey")) {
            let client = Client { id, secret };
            if !clients.contains(&client) {
                clients.push(client);
            }
        }
    }
    clients
}

/// Exchanges the refresh token, for which the intent is committed, and writes down what came of it.
pub(super) async fn run(
    connect: &Connect,
    intent: Intent,
    tokens: &Tokens,
    refresh_token: &str,
    apps: &[App],
) -> Result<Renewal, StoreError> {
    let store = connect.store();
    let provider = intent.row.grant.provider_id.clone();
    let clients = clients(apps);
    let answer = ask(connect, &provider, &clients, refresh_token).await;
    let now = store.now();
    let before = Before {
        provider_id: &provider,
        attempts: intent.row.attempts,
        lost_at: intent.row.lost_at,
        ends_at: tokens.ends_at(),
        now,
        jitter: jitter(),
    };
    connect.metrics().exchanged(&provider, word(&answer));
    match decide::decide(&answer, before) {
        Ok(issued) => {
            write(
                connect,
                intent.row,
                refresh_token,
                &decide::renewed(tokens, &issued, now),
            )
            .await
        }
        Err(ended) => {
            if let Ended::Refused { reason, .. } = &ended {
                tracing::warn!(grant = %intent.row.grant.id, provider, reason, "a grant cannot be renewed any more");
            }
            if !store.end_exchange(&intent, &ended).await? {
                // The tokens that this is about are not the grant's any more, or another exchange has it.
                return Ok(moved_on(connect, &intent.row).await?.unwrap_or(Renewal::Busy));
            }
            Ok(told(answer, &ended, clients.is_empty()))
        }
    }
}

/// Asks as each app that the grant may be of. A refusal counts only when nobody else could have been meant.
async fn ask(connect: &Connect, provider: &str, clients: &[Client], refresh_token: &str) -> Exchange {
    let label = label(provider);
    let mut answer = Exchange::App(Trouble {
        code: "credentials_missing".to_owned(),
        message: format!(
            "No integration of this {label} connection has clientId and secretKey, which renewing its token takes."
        ),
    });
    for (index, client) in clients.iter().take(APPS).enumerate() {
        let Some(request) = exchange_request(&connect.settings().bases, provider, client, refresh_token) else {
            return answer;
        };
        let sent = tokio::time::timeout(TIMEOUT, connect.transport().send(&request, Trust::Operator)).await;
        let sent = sent.unwrap_or_else(|_| {
            let why = "the call took too long".to_owned();
            Err(campanile_providers::TransportError::Unknown(why))
        });
        let next = exchange_answer(provider, sent, &[refresh_token, &client.secret]);
        match (&answer, &next) {
            (_, Exchange::Renewed(_) | Exchange::Later { .. }) => return next,
            // The app that was not let in may be the one that the grant is of.
            (Exchange::App(_), Exchange::Refused { .. }) if index > 0 => {}
            _ => answer = next,
        }
    }
    answer
}

/// Writes the new pair, which nobody else has: the old refresh token is used up.
async fn write(
    connect: &Connect,
    mut row: Rotating,
    refresh_token: &str,
    tokens: &Tokens,
) -> Result<Renewal, StoreError> {
    let store = connect.store();
    let mut waits = WRITES.into_iter();
    loop {
        let error = match store.renew_grant(&row, tokens).await {
            Ok(generation) => {
                return Ok(Renewal::Token {
                    generation,
                    access_token: tokens.access_token.clone(),
                });
            }
            Err(error) => error,
        };
        if error.is_conflict(CHANGED) {
            match store.rotating(row.organization_id, row.grant.id).await? {
                // Deleted meanwhile: should it be revoked, then the new pair is what is left of it.
                None => {
                    store.replace_buried_tokens(row.grant.id, None, tokens).await?;
                    return Ok(Renewal::Gone);
                }
                // Somebody posted the same refresh token again, which is used up by now.
                Some(now) if store.open_tokens(&now.grant)?.refresh_token.as_deref() == Some(refresh_token) => {
                    row = now;
                }
                Some(now) => return newer(connect, &now),
            }
            continue;
        }
        let Some(wait) = waits.next() else { return Err(error) };
        tracing::error!(grant = %row.grant.id, %error, "a new pair of tokens could not be written; trying again");
        tokio::time::sleep(wait).await;
    }
}

async fn moved_on(connect: &Connect, row: &Rotating) -> Result<Option<Renewal>, StoreError> {
    match connect.store().rotating(row.organization_id, row.grant.id).await? {
        None => Ok(Some(Renewal::Gone)),
        Some(now) if now.grant.generation != row.grant.generation => newer(connect, &now).map(Some),
        Some(_) => Ok(None),
    }
}

fn newer(connect: &Connect, row: &Rotating) -> Result<Renewal, StoreError> {
    Ok(Renewal::Token {
        generation: row.grant.generation,
        access_token: connect.store().open_tokens(&row.grant)?.access_token,
    })
}

/// What callers are told; the vendor's own sentence where there is one.
fn told(answer: Exchange, ended: &Ended, without_client: bool) -> Renewal {
    let until = match ended {
        Ended::Failed { again_at, .. } => *again_at,
        Ended::Refused { .. } => campanile_model::Time::MAX,
    };
    match answer {
        Exchange::Refused { trouble, .. } => Renewal::Dead {
            message: trouble.message,
        },
        Exchange::App(Trouble { message, .. }) if without_client => Renewal::Unusable { message, until },
        Exchange::Later { trouble, .. } if trouble.code == "no_access_token" => Renewal::Unusable {
            message: trouble.message,
            until,
        },
        Exchange::App(trouble) | Exchange::Later { trouble, .. } => Renewal::Later {
            until,
            message: trouble.message,
        },
        Exchange::Renewed(_) => Renewal::Busy,
    }
}

const fn word(answer: &Exchange) -> &'static str {
    match answer {
        Exchange::Renewed(_) => "renewed",
        Exchange::Refused { .. } => "refused",
        Exchange::App(_) => "integration",
        Exchange::Later { lost: true, .. } => "lost",
        Exchange::Later { .. } => "failed",
    }
}

/// A random number of 0..1; without randomness the middle.
pub(super) fn jitter() -> f64 {
    let bytes = campanile_store::secrets::random_bytes(2).unwrap_or_default();
    match bytes.as_slice() {
        [high, low] => f64::from(u16::from_be_bytes([*high, *low])) / 65536.0,
        _ => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use campanile_store::grants::rotation::LEASE;

    use super::*;

    #[test]
    fn the_lease_is_longer_than_all_calls_of_an_exchange() {
        assert!(LEASE > TIMEOUT * u32::try_from(APPS).unwrap());
    }

    #[test]
    fn apps_without_credentials_are_passed_over_and_the_same_one_counts_once() {
        let app = |id: &str, secret: &str| App {
            credentials: serde_json::Map::from_iter([
                ("clientId".to_owned(), Value::from(id)),
                ("secretKey".to_owned(), Value::from(secret)),
            ]),
            send_real: false,
        };
        let found = clients(&[app("", "s"), app("1", "s"), app("1", " s "), app("2", "s")]);
        let ids: Vec<&str> = found.iter().map(|client| client.id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
