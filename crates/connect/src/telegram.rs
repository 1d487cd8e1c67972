//! Telegram: a subscriber is told from others by a one-time code with which they start the bot.

use std::time::Duration;

use campanile_model::{Ctx, Error, Id, Result, Time};
use campanile_providers::consent::telegram;
use campanile_providers::{Trust, chat::BaseUrls};
use campanile_store::Batch;
use campanile_store::connections::lost_race;
use campanile_store::integrations::Integration;
use campanile_store::link_codes::USED;
use campanile_store::secrets::random_hex;
use campanile_store::{StoreError, endpoints};
use serde_json::json;

use crate::links::{self, Link, Linked};
use crate::oauth::{GivenContext, check_context};
use crate::{Connect, hooks};

/// A bot's name changes rarely, and only its owner changes it.
const NAME_KEPT: Duration = Duration::from_hours(1);
/// How often a lost race is run again.
const TRIES: usize = 8;

/// The names of bots, each under a keyed hash of its token.
pub(crate) type Names = moka::sync::Cache<String, String>;

pub(crate) fn names() -> Names {
    moka::sync::Cache::builder()
        .max_capacity(10_000)
        .time_to_live(NAME_KEPT)
        .build()
}

/// A link to be made.
#[derive(Clone, Debug, Default)]
pub struct StartTelegram {
    /// The integration.
    pub integration_identifier: String,
    /// Whose endpoint it will be.
    pub subscriber_id: String,
    /// What it will be for.
    pub context: GivenContext,
}

/// A link that starts the bot.
#[derive(Clone, Debug)]
pub struct TelegramLink {
    /// The link, which holds the code.
    pub url: String,
    /// The bot's name.
    pub bot_username: String,
    /// When the code stops working.
    pub expires_at: Time,
}

/// Whom a chat belongs to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It is an endpoint of this subscriber, by the caller's id.
    Linked(String),
    /// The code is unknown, used by another chat, or past its time.
    Unknown,
}

/// A link by which a subscriber starts the bot. The batch makes its code: it is committed with the answer.
pub async fn start_link(connect: &Connect, ctx: &Ctx, ask: &StartTelegram) -> Result<(TelegramLink, Batch)> {
    let store = connect.store();
    let identifier = &ask.integration_identifier;
    let integration = store.integration_by_identifier(ctx, identifier).await?;
    let integration = integration.ok_or_else(|| {
        Error::not_found(format!(
            "Integration not found: {identifier} in environment {}",
            ctx.environment
        ))
    })?;
    if integration.provider_id != "telegram" {
        return Err(Error::bad_request(format!(
            "Provider \"{}\" does not support subscriber chat linking",
            integration.provider_id
        )));
    }
    let credentials = store.open_credentials(&integration)?;
    check_context(connect, ctx, &credentials, &ask.context).await?;
    let subscriber = store.subscriber(ctx, &ask.subscriber_id).await?;
    let subscriber =
        subscriber.ok_or_else(|| Error::not_found(format!("Subscriber not found: {}", ask.subscriber_id)))?;
    let token = credentials.get("apiToken").and_then(serde_json::Value::as_str);
    let token = token.map(str::trim).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Error::not_found("Telegram integration missing credentials (apiToken)"))?;
    let bot_username = name(connect, integration.id, token).await?;
    // 32 characters, all of which a deep link may hold.
    let code = random_hex(16)?;
    let mut batch = Batch::new();
    store.find_or_create_contexts(&mut batch, ctx, &ask.context.contexts);
    let expires_at = store.add_link_code(
        &mut batch,
        ctx,
        &code,
        integration.id,
        subscriber.id,
        &ask.context.set(),
    );
    let link = TelegramLink {
        url: telegram::start_link(&bot_username, &code),
        bot_username,
        expires_at,
    };
    Ok((link, batch))
}

/// The bot's name: asked for once in a while, because a link cannot be made without it. Telegram is told then where the
/// bot's updates go, because a link that nobody hears of is of no use.
async fn name(connect: &Connect, integration: Id, token: &str) -> Result<String> {
    let key = connect.store().secrets().lookup_hash("telegram bot", token);
    if let Some(name) = connect.telegram_names().get(&key) {
        return Ok(name);
    }
    let bases: &BaseUrls = &connect.settings().bases;
    let request = telegram::get_me(bases, token).map_err(Error::bad_request)?;
    let response = connect.transport().send(&request, Trust::Operator).await;
    let response = response.map_err(|error| Error::unavailable(format!("Telegram could not be asked ({error})"), 5))?;
    if response.status == 429 || response.status >= 500 {
        let text = format!("Telegram could not be asked (HTTP {})", response.status);
        return Err(Error::unavailable(text, 5));
    }
    let name = telegram::username(&response).map_err(Error::bad_request)?;
    listen(connect, integration, token).await?;
    connect.telegram_names().insert(key, name.clone());
    Ok(name)
}

/// Telegram calls only what it can reach by HTTPS; elsewhere its updates have to be passed on by other means.
async fn listen(connect: &Connect, integration: Id, token: &str) -> Result<()> {
    let settings = connect.settings();
    let stands_in = settings.bases.get("telegram").is_some();
    let public = settings.public_url.as_ref();
    let Some(public) = public.filter(|url| url.scheme() == "https" || stands_in) else {
        return Ok(());
    };
    let address = format!(
        "{}/v1/integrations/{integration}/hooks",
        public.as_str().trim_end_matches('/')
    );
    let secret = hooks::telegram_secret(connect.store(), integration);
    let request = telegram::set_webhook(&settings.bases, token, &address, &secret).map_err(Error::bad_request)?;
    let response = connect.transport().send(&request, Trust::Operator).await;
    match response {
        Ok(response) if response.is_success() => Ok(()),
        Ok(response) => Err(Error::unavailable(
            format!(
                "Telegram did not accept the address for the bot's updates (HTTP {})",
                response.status
            ),
            5,
        )),
        Err(error) => Err(Error::unavailable(format!("Telegram could not be told ({error})"), 5)),
    }
}

/// Makes the chat that started the bot with a code an endpoint of the code's subscriber. The code is used in the commit
/// that makes the endpoint, so a process that dies before has changed nothing, and Telegram tells it again; the same
/// chat may come twice with its code and is linked once.
pub async fn redeem(
    connect: &Connect,
    ctx: &Ctx,
    integration: &Integration,
    code: &str,
    chat_id: &str,
) -> Result<Redeemed> {
    let store = connect.store();
    for _ in 0..TRIES {
        let found = store.link_code(ctx, code, chat_id).await?;
        let Some(found) = found.filter(|found| found.integration_id == integration.id) else {
            return Ok(Redeemed::Unknown);
        };
        let subscribers = store.subscribers_by_id(ctx, vec![found.subscriber]).await?;
        let Some(subscriber) = subscribers.first() else {
            return Ok(Redeemed::Unknown);
        };
        let mut batch = Batch::new();
        store.use_link_code(&mut batch, ctx, &found, chat_id);
        let address = json!({ "chatId": chat_id });
        let link = Link {
            integration,
            connection: None,
            subscriber,
            contexts: &found.contexts,
            kind: "telegram_chat",
            address: &address,
        };
        if links::add(store, &mut batch, ctx, &link).await? == Linked::Taken {
            return Ok(Redeemed::Unknown);
        }
        match store.commit(batch).await {
            Ok(_) => return Ok(Redeemed::Linked(subscriber.subscriber_id.clone())),
            Err(error) if is_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::unavailable("The endpoint is being changed by others", 1))
}

fn is_race(error: &StoreError) -> bool {
    error.is_conflict(USED) || lost_race(error) || endpoints::lost_race(error)
}
