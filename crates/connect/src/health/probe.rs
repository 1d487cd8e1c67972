//! One probe: the vendor is asked with the grant's own token, and what it says is recorded in one commit. Should the
//! process die in between, the grant is asked about again when the probe's lease ends.

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Result};
use campanile_providers::transport::is_loopback_url;
use campanile_providers::vendors::probe::{Works, ask, can_ask, read};
use campanile_providers::{Failure, Health, Level};
use campanile_store::Batch;
use campanile_store::connections::Connection;
use campanile_store::grants::Tokens;
use campanile_store::integrations::Integration;
use serde_json::Value;

use super::{integrations, jitter, rest, scopes};
use crate::Connect;
use crate::app_tokens::{self, Audience};
use crate::rotation::{self, Need};

/// Asks about a grant that this process has claimed.
pub(super) async fn run(connect: &Connect, ctx: &Ctx, connection: &Connection) -> Result<()> {
    let store = connect.store();
    let renewed = renewed(connect, ctx, connection).await?;
    let connection = renewed.as_ref().unwrap_or(connection);
    let integration = store.integration_by_id(ctx, connection.integration_id).await?;
    let answer = match &integration {
        Some(integration) => answer(connect, connection, integration).await?,
        None => None,
    };
    let mut batch = Batch::background();
    let status = match &answer {
        None => connection.grant.status,
        Some(answer) => write_down(connect, ctx, connection, answer, &mut batch),
    };
    // Whom we could not reach is asked again soon.
    let unreached = matches!(&answer, Some(Err(failure)) if failure.level == Level::Network);
    let pace = if unreached { HealthStatus::Degraded } else { status };
    store.end_probe(
        &mut batch,
        ctx,
        connection.grant.id,
        store.now().plus(rest(pace, jitter())),
    );
    store.commit(batch).await?;
    if let Some(answer) = &answer {
        let refused = answer
            .as_ref()
            .err()
            .filter(|failure| failure.level == Level::Integration);
        let worked = answer.is_ok() && connection.provider_id == "msteams";
        if refused.is_some() || worked {
            let refusal = refused.map(|failure| failure.message.as_str());
            integrations::note_integration(connect, ctx, connection.integration_id, refusal).await?;
        }
    }
    Ok(())
}

/// The connection with newer tokens, when those that it has end soon: an old one would tell nothing about the grant.
async fn renewed(connect: &Connect, ctx: &Ctx, connection: &Connection) -> Result<Option<Connection>> {
    let (store, grant) = (connect.store(), &connection.grant);
    if !rotation::is_due(&store.open_tokens(grant)?, store.now()) {
        return Ok(None);
    }
    rotation::fresh_token(connect, ctx, grant.id, grant.generation, Need::Due).await?;
    Ok(store.connection(ctx, &connection.identifier).await?)
}

/// What the vendor says; nothing when it cannot or must not be asked.
async fn answer(
    connect: &Connect,
    connection: &Connection,
    integration: &Integration,
) -> Result<Option<Result<Works, Failure>>> {
    let credentials = Value::Object(connect.store().open_credentials(integration)?);
    let stays_here = connect.settings().dev && !integration.send_real;
    if integration.provider_id == "msteams" {
        let login = connect.settings().bases.get("msteams/login");
        if stays_here && !login.is_some_and(is_loopback_url) {
            return Ok(None);
        }
        return Ok(Some(tenant(connect, &credentials, &connection.workspace.id).await));
    }
    let tokens = connect.store().open_tokens(&connection.grant)?;
    if !can_ask(&integration.provider_id) || waits_for_refresh(connect, &tokens) {
        return Ok(None);
    }
    let base = credentials["baseUrl"].as_str().filter(|base| !base.is_empty());
    let bases = &connect.settings().bases;
    let (request, trust) = match ask(bases, &integration.provider_id, base, &tokens.access_token) {
        Ok(made) => made,
        Err(failure) => return Ok(Some(Err(failure))),
    };
    if stays_here && !is_loopback_url(&request.url) {
        return Ok(None);
    }
    let response = connect.transport().send(&request, trust).await;
    let answer = read(&integration.provider_id, response).map_err(|failure| match failure.health {
        // Nothing renews it: only its customer can.
        None if failure.code == "token_expired" && tokens.refresh_token.is_none() => {
            failure.health(Health::NeedsReauth)
        }
        _ => failure,
    });
    Ok(Some(answer.map_err(|failure| Failure {
        message: request.scrub(&failure.message),
        ..failure
    })))
}

/// An access token that has ended says nothing about a grant whose refresh token brings another one.
fn waits_for_refresh(connect: &Connect, tokens: &Tokens) -> bool {
    let end = tokens.expires_at.as_deref().and_then(campanile_model::Time::parse);
    tokens.refresh_token.is_some() && end.is_some_and(|end| end <= connect.store().now())
}

/// Teams has no token of a tenant's own: that Microsoft gives our app one for the tenant is what tells.
async fn tenant(connect: &Connect, credentials: &Value, tenant: &str) -> Result<Works, Failure> {
    let ask = || app_tokens::msteams(connect, credentials, Audience::Graph, Some(tenant));
    // One from the cache tells how it was up to an hour ago.
    let kept = ask().await?;
    app_tokens::forget_msteams(connect, credentials, Audience::Graph, Some(tenant), &kept).await;
    ask().await.map(|_| Works::default())
}

/// Adds what was said to the batch; how the grant stands then.
fn write_down(
    connect: &Connect,
    ctx: &Ctx,
    connection: &Connection,
    answer: &Result<Works, Failure>,
    batch: &mut Batch,
) -> HealthStatus {
    let (store, grant) = (connect.store(), &connection.grant);
    let mut set = |status, reason: Option<&str>| {
        store.set_grant_health(batch, ctx, grant.id, grant.generation, status, reason);
        status
    };
    let works = match answer {
        Ok(works) => works,
        Err(failure) if failure.level == Level::Grant => {
            return match status_of(failure.health.as_ref()) {
                Some(status) => set(status, Some(&failure.message)),
                None => grant.status,
            };
        }
        Err(_) => return grant.status,
    };
    let Some(granted) = &works.scopes else {
        return set(HealthStatus::Active, None);
    };
    let missing = scopes::missing(&grant.provider_id, granted, grant.missing_scopes.as_deref());
    let lacks = !missing.is_empty();
    let noted = lacks.then_some(missing.as_slice());
    store.set_grant_scopes(batch, ctx, grant.id, grant.generation, Some(granted), noted);
    let (status, reason) = if lacks {
        (HealthStatus::Degraded, Some(scopes::reason(&missing)))
    } else {
        (HealthStatus::Active, None)
    };
    store.set_grant_health(batch, ctx, grant.id, grant.generation, status, reason.as_deref());
    status
}

fn status_of(health: Option<&Health>) -> Option<HealthStatus> {
    Some(match health? {
        Health::NeedsReauth => HealthStatus::NeedsReauth,
        Health::Revoked => HealthStatus::Revoked,
        Health::Degraded { .. } | Health::Broken => HealthStatus::Degraded,
    })
}
