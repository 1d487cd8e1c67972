//! Telegram's updates. Source: core.telegram.org/bots/api, "Getting updates" and `setWebhook`.

use campanile_model::{Id, Result};
use campanile_store::{Batch, Store};
use ring::hmac;
use serde_json::{Value, json};

use super::{Incoming, Judged, Named, Origin, nothing_to_say};

const KICKED: &str =
    "The chat blocked or removed the Telegram bot. It can write there again when it is started or added again.";

/// The secret that Telegram sends along with each update, when the webhook was set with it.
pub fn secret(store: &Store, integration: Id) -> String {
    store
        .secrets()
        .lookup_hash("telegram webhook", &integration.to_string())
}

/// Compares in constant time: both sides are signed with one key, and the signatures compared.
fn is_proven(expected: &str, incoming: &Incoming<'_>) -> bool {
    let given = (incoming.header)("x-telegram-bot-api-secret-token").unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, expected.as_bytes());
    let tag = hmac::sign(&key, expected.as_bytes());
    hmac::verify(&key, given.as_bytes(), tag.as_ref()).is_ok()
}

pub(super) async fn receive(origin: &Origin<'_>, incoming: &Incoming<'_>) -> Result<Option<Value>> {
    if !is_proven(&secret(origin.store(), origin.at.integration.id), incoming) {
        return Ok(None);
    }
    let Ok(update) = serde_json::from_slice::<Value>(incoming.body) else {
        return Ok(Some(nothing_to_say()));
    };
    let mut batch = Batch::new();
    let member = &update["my_chat_member"];
    if let (Some(chat), Some(status)) = (chat_id(&member["chat"]), member["new_chat_member"]["status"].as_str()) {
        stands(origin, &mut batch, &chat, status).await?;
    }
    let message = &update["message"];
    if let (Some(from), Some(to)) = (chat_id(&message["chat"]), number(&message["migrate_to_chat_id"])) {
        migrate(origin, &mut batch, &from, &to).await?;
    }
    let event = number(&update["update_id"]);
    origin.commit(batch, event.as_deref()).await?;
    Ok(Some(nothing_to_say()))
}

fn chat_id(chat: &Value) -> Option<String> {
    number(&chat["id"])
}

fn number(value: &Value) -> Option<String> {
    value.as_i64().map(|number| number.to_string())
}

async fn stands(origin: &Origin<'_>, batch: &mut Batch, chat: &str, status: &str) -> Result<()> {
    let names = [chat];
    let place = place(&names);
    match status {
        "kicked" | "left" => origin.judge(batch, &place, &Judged::Broken(KICKED)).await,
        // Whatever broke it, the bot is a member now.
        "member" | "administrator" | "creator" => {
            origin.judge(batch, &place, &Judged::Mended { ends: &|_| true }).await
        }
        _ => Ok(()),
    }
}

fn place<'a>(names: &'a [&'a str]) -> Named<'a> {
    Named {
        app_member: "apiToken",
        kind: "telegram_chat",
        names,
        workspaces: None,
        is_meant: &|_| true,
    }
}

/// A group became a supergroup, which has another id.
async fn migrate(origin: &Origin<'_>, batch: &mut Batch, from: &str, to: &str) -> Result<()> {
    for at in origin.same_app("apiToken").await? {
        let ctx = at.ctx(origin.request_id);
        for met in origin.store().endpoints_at(&at, "telegram_chat", &[from]).await? {
            let mut address = met.address.clone();
            address["chatId"] = json!(to);
            origin.store().move_endpoint(batch, &ctx, &met, &address)?;
        }
    }
    Ok(())
}
