//! Telegram's updates. Source: core.telegram.org/bots/api, "Getting updates" and `setWebhook`.

use campanile_model::{Id, Result};
use campanile_store::{Batch, Store};
use serde_json::{Value, json};

use crate::telegram::{Redeemed, redeem};

use super::{Incoming, Judged, Named, Origin, nothing_to_say};

const PURPOSE: &str = "telegram webhook";
const KICKED: &str =
    "The chat blocked or removed the Telegram bot. It can write there again when it is started or added again.";

/// The secret that Telegram sends along with each update, when the webhook was set with it.
pub fn secret(store: &Store, integration: Id) -> String {
    store.secrets().lookup_hash(PURPOSE, &integration.to_string())
}

fn is_proven(origin: &Origin<'_>, incoming: &Incoming<'_>) -> bool {
    let given = (incoming.header)("x-telegram-bot-api-secret-token").unwrap_or_default();
    let integration = origin.at.integration.id.to_string();
    origin.store().secrets().hash_matches(PURPOSE, &integration, &given)
}

pub(super) async fn receive(origin: &Origin<'_>, incoming: &Incoming<'_>) -> Result<Option<Value>> {
    if !is_proven(origin, incoming) {
        return Ok(None);
    }
    let Ok(update) = serde_json::from_slice::<Value>(incoming.body) else {
        return Ok(Some(nothing_to_say()));
    };
    if let Some(answer) = started(origin, &update["message"]).await? {
        return Ok(Some(answer));
    }
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

/// Links the chat that starts the bot with a code, and answers there: Telegram takes a call of the bot as the answer.
async fn started(origin: &Origin<'_>, message: &Value) -> Result<Option<Value>> {
    let code = message["text"].as_str().and_then(|text| text.strip_prefix("/start "));
    let (Some(code), Some(chat)) = (code.map(str::trim), chat_id(&message["chat"])) else {
        return Ok(None);
    };
    let mut redeemed = Redeemed::Unknown;
    // The bot has one address for its updates, and environments may share the bot.
    for at in origin.same_app("apiToken").await? {
        let ctx = at.ctx(origin.request_id);
        redeemed = redeem(origin.connect, &ctx, &at.integration, code, &chat).await?;
        if redeemed != Redeemed::Unknown {
            break;
        }
    }
    let text = match redeemed {
        Redeemed::Linked(_) => "You are connected. Notifications will arrive in this chat.",
        Redeemed::Unknown => "This link does not work any more. Please ask for a new one where you found it.",
    };
    Ok(Some(
        json!({ "method": "sendMessage", "chat_id": message["chat"]["id"], "text": text }),
    ))
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
