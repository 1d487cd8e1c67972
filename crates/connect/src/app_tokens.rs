//! Tokens of our user's own app at Microsoft, which no customer gave: they are asked for with the app's secret, and
//! kept in memory for as long as they are good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use campanile_model::Time;
use campanile_providers::vendors::msteams::{App, token, token_request};
use campanile_providers::{Failure, Level, Trust};
use serde_json::Value;
use tokio::sync::Mutex;

pub use campanile_providers::vendors::msteams::Audience;

use crate::Connect;

/// A token is not used for its last minutes, during which it could end on the way.
const MARGIN: Duration = Duration::from_mins(5);

/// However long Microsoft says that a token is good: a changed permission should show within the hour.
const LONGEST: Duration = Duration::from_mins(55);

/// The tokens in use, each under a keyed hash of client, tenant, audience and secret.
pub(crate) struct Cache {
    slots: moka::sync::Cache<String, Arc<Slot>>,
}

/// One token, or the wait for it: who holds the lock asks, the others wait for what comes of it.
#[derive(Default)]
struct Slot {
    /// Counts the answers, so that those who waited take the answer that came meanwhile, be it a refusal.
    answers: AtomicU64,
    last: Mutex<Option<Result<Kept, Failure>>>,
}

struct Kept {
    token: String,
    until: Time,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            slots: moka::sync::Cache::builder()
                .max_capacity(10_000)
                .time_to_idle(LONGEST)
                .build(),
        }
    }
}

/// A token of the integration's MS Teams app: of its own tenant, or for Graph calls of a customer's.
///
/// The failure's level says what to do: `Network` passes, `Integration` is for our user to mend, `Grant` for the
/// customer.
pub async fn msteams(
    connect: &Connect,
    credentials: &Value,
    audience: Audience,
    tenant: Option<&str>,
) -> Result<String, Failure> {
    let app = app(credentials, tenant)?;
    let slot = slot(connect, app, audience);
    let seen = slot.answers.load(Ordering::Acquire);
    let mut last = slot.last.lock().await;
    let waited = slot.answers.load(Ordering::Acquire) != seen;
    match last.as_ref() {
        Some(Ok(kept)) if connect.store().now() < kept.until => return Ok(kept.token.clone()),
        Some(Err(failure)) if waited => return Err(failure.clone()),
        _ => {}
    }
    // Whoever is dropped here leaves the slot as it was, and the next in line asks.
    let answer = ask(connect, app, audience).await;
    slot.answers.fetch_add(1, Ordering::Release);
    let kept = last.insert(answer);
    kept.as_ref().map(|kept| kept.token.clone()).map_err(Clone::clone)
}

/// Drops a token that its audience refused, so that the next call asks for another. `refused` is left alone when
/// another one has taken its place already.
pub async fn forget_msteams(
    connect: &Connect,
    credentials: &Value,
    audience: Audience,
    tenant: Option<&str>,
    refused: &str,
) {
    let Ok(app) = app(credentials, tenant) else { return };
    let slot = slot(connect, app, audience);
    let mut last = slot.last.lock().await;
    if matches!(last.as_ref(), Some(Ok(kept)) if kept.token == refused) {
        *last = None;
    }
}

fn app<'a>(credentials: &'a Value, tenant: Option<&'a str>) -> Result<App<'a>, Failure> {
    let filled = |name: &str| {
        credentials[name]
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let (Some(client_id), Some(secret), Some(home)) = (filled("clientId"), filled("secretKey"), filled("tenantId"))
    else {
        let message = "The integration is missing required MS Teams credentials: clientId, secretKey and tenantId.";
        return Err(Failure::new(Level::Integration, "msteams_credentials_missing", message));
    };
    let tenant = tenant.unwrap_or(home);
    Ok(App {
        client_id,
        secret,
        tenant,
        foreign: !tenant.eq_ignore_ascii_case(home),
    })
}

fn slot(connect: &Connect, app: App<'_>, audience: Audience) -> Arc<Slot> {
    let parts = [app.client_id, app.tenant, audience.scope(), app.secret].join("\n");
    let key = connect.store().secrets().lookup_hash("app_token", &parts);
    connect.inner.app_tokens.slots.get_with(key, Arc::default)
}

async fn ask(connect: &Connect, app: App<'_>, audience: Audience) -> Result<Kept, Failure> {
    let request = token_request(&connect.settings().bases, app, audience)?;
    let asked_at = connect.store().now();
    let answer = connect.transport().send(&request, Trust::Operator).await;
    let token = token(app, answer)?;
    Ok(Kept {
        token: token.access_token,
        until: asked_at.plus(token.expires_in.saturating_sub(MARGIN).min(LONGEST)),
    })
}
