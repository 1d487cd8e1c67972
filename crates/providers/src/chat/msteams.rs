//! Microsoft Teams: the bot's conversations, and the webhooks of Workflows.
//! Sources: learn.microsoft.com, "Send proactive messages", "Bot Connector API reference", "Rate limiting in Teams" and
//! "Retirement of Office 365 connectors within Microsoft Teams".

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Address, ChatDelivery, Prepared, by_status, overrides, post, refused, unfit, webhook};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Request, Response, Secretish, Trust},
};

/// Where the bot speaks when the tenant's own address is not known.
const SERVICE: &str = "https://smba.trafficmanager.net/teams";

/// Workflows take no more than this.
const MAX_WEBHOOK: usize = 28 * 1024;

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    match delivery.address {
        Address::Webhook { url, .. } => to_webhook(delivery, url),
        Address::MsTeamsChannel { team_id, channel_id } => to_channel(delivery, team_id, channel_id),
        Address::MsTeamsUser { user_id, .. } => to_user(delivery, user_id),
        other => Err(unfit("MS Teams", other)),
    }
}

fn to_channel(delivery: &ChatDelivery<'_>, team_id: &str, channel_id: &str) -> Result<Prepared, Failure> {
    let (base, trust) = service(delivery)?;
    let body = json!({
        "type": "message",
        "text": delivery.text,
        "channelData": {
            "tenant": { "id": delivery.tenant },
            "team": { "id": team_id },
            "channel": { "id": channel_id },
        },
    });
    let request = bot_call(delivery, activities(&base, channel_id)?, &body)?;
    Ok(Prepared::new(request, trust))
}

/// A person's conversation with the bot has to be opened first: its id is in the answer. Opening it again gives the
/// same conversation, so that this may be repeated.
fn to_user(delivery: &ChatDelivery<'_>, user_id: &str) -> Result<Prepared, Failure> {
    let (base, trust) = service(delivery)?;
    let opening = json!({
        "isGroup": false,
        "bot": { "id": delivery.credentials["clientId"] },
        "members": [{ "id": user_id }],
        "channelData": { "tenant": { "id": delivery.tenant } },
    });
    let opening = bot_call(delivery, conversations(&base, "")?, &opening)?;
    let body = json!({ "type": "message", "text": delivery.text });
    let request = bot_call(delivery, activities(&base, "conversation")?, &body)?;
    Ok(Prepared {
        opening: Some(opening),
        ..Prepared::new(request, trust)
    })
}

/// The address of the post once the conversation was opened, with the conversation's id.
pub(super) fn opened(opening: &Request, response: &Response) -> Result<(Url, String), Outcome> {
    let answer = response.json().unwrap_or_default();
    if !response.is_success() {
        return Err(match bot_refusal(response, &answer) {
            // Nothing was posted by then, whatever became of the call.
            Outcome::Unknown(failure) => Outcome::RetryAt { after: None, failure },
            // There is nothing in the call but who is to be spoken to.
            Outcome::Rejected(failure) if failure.level == Level::Message => Outcome::Rejected(Failure {
                level: Level::Endpoint,
                health: Some(Health::Broken),
                ..failure
            }),
            other => other,
        });
    }
    let id = answer["id"].as_str().unwrap_or_default();
    let opened_at = opening.url.as_str();
    let base = opened_at.strip_suffix("/v3/conversations").unwrap_or(opened_at);
    match activities(base, id) {
        Ok(url) => Ok((url, id.to_owned())),
        Err(_) => Err(Outcome::RetryAt {
            after: None,
            failure: refused(
                response,
                Level::Network,
                "no_conversation",
                "MS Teams opened no conversation with this user.",
            ),
        }),
    }
}

/// The operator's base wins, then what the tenant's own activities told, then the global address.
fn service(delivery: &ChatDelivery<'_>) -> Result<(String, Trust), Failure> {
    let base = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let global: Url = SERVICE.parse().map_err(|_| invalid_url())?;
    if let Some(moved) = delivery.bases.replace("msteams/bot", &global) {
        return Ok((base(&moved), Trust::Operator));
    }
    match delivery.service_url.and_then(|url| Url::parse(url).ok()) {
        // It came from outside, although signed: it is guarded like a customer's.
        Some(own) if own.scheme() == "https" && own.query().is_none() => Ok((base(&own), Trust::Customer)),
        _ => Ok((base(&global), Trust::Operator)),
    }
}

fn invalid_url() -> Failure {
    Failure::new(
        Level::Endpoint,
        "invalid_address",
        "The MS Teams address of this endpoint is not a valid one.",
    )
    .health(Health::Broken)
}

fn conversations(base: &str, rest: &str) -> Result<Url, Failure> {
    Url::parse(&format!("{base}/v3/conversations{rest}")).map_err(|_| invalid_url())
}

fn activities(base: &str, conversation: &str) -> Result<Url, Failure> {
    // Dots alone would lead up in the path.
    if conversation.bytes().all(|byte| byte == b'.') {
        return Err(invalid_url());
    }
    let id = utf8_percent_encode(conversation, COMPONENT);
    conversations(base, &format!("/{id}/activities"))
}

fn bot_call(delivery: &ChatDelivery<'_>, url: Url, body: &Value) -> Result<Request, Failure> {
    let token = delivery.token.filter(|token| !token.is_empty()).ok_or_else(|| {
        Failure::new(
            Level::Integration,
            "MSTEAMS_INVALID_CREDENTIALS",
            "MSTEAMS_INVALID_CREDENTIALS: Invalid bot credentials or token",
        )
    })?;
    let mut request = Request::post_json(url, body.to_string());
    request.set_header("authorization", Secretish::Secret(format!("Bearer {token}")));
    Ok(request)
}

fn to_webhook(delivery: &ChatDelivery<'_>, url: &str) -> Result<Prepared, Failure> {
    let (url, trust) = webhook(delivery, url, is_workflow)?;
    if is_retired(&url) {
        let message = "Microsoft has retired Office 365 connectors, so this address takes no messages any more. Add the \
            workflow \"Post to a channel when a webhook request is received\" to the channel, and give the endpoint its address.";
        return Err(Failure::new(Level::Endpoint, "connector_retired", message).health(Health::Broken));
    }
    let is_card = url.host_str().is_some_and(is_workflow) || trust == Trust::Operator;
    let body = match serde_json::from_str::<Map<String, Value>>(delivery.text) {
        Ok(own) if own.get("type") == Some(&json!("AdaptiveCard")) => message_of(&Value::Object(own)),
        Ok(own) => Value::Object(own),
        Err(_) if is_card => message_of(&json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{ "type": "TextBlock", "text": delivery.text, "wrap": true }],
        })),
        Err(_) => json!({ "text": delivery.text }),
    };
    let body = overrides::body(body, delivery, overrides::as_is);
    let prepared = post(delivery, url, &body, trust)?;
    if prepared.request.body.len() > MAX_WEBHOOK {
        let message = "MS Teams takes at most 28 KB through a webhook; this message is longer.";
        return Err(Failure::new(Level::Message, "content_too_long", message));
    }
    Ok(prepared)
}

fn message_of(card: &Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

fn is_workflow(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.ends_with(".logic.azure.com") || host.ends_with(".environment.api.powerplatform.com")
}

fn is_retired(url: &Url) -> bool {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    host == "webhook.office.com"
        || host.ends_with(".webhook.office.com")
        || (matches!(host.as_str(), "outlook.office.com" | "outlook.office365.com")
            && url.path().starts_with("/webhook"))
}

pub(super) fn interpret(address: &Address, response: &Response) -> Outcome {
    match address {
        Address::Webhook { .. } => webhook_answer(response),
        _ => bot_answer(response),
    }
}

fn bot_answer(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    if response.is_success() {
        return Outcome::Delivered {
            id: answer["id"].as_str().map(str::to_owned),
            details: json!({ "status": response.status }),
        };
    }
    bot_refusal(response, &answer)
}

/// The codes and sentences are those that Novu's users know; Microsoft's own code is in the details.
fn bot_refusal(response: &Response, answer: &Value) -> Outcome {
    let code = answer["error"]["code"].as_str().unwrap_or_default();
    let status = response.status;
    let failure = |level, code: &str, message: String| refused(response, level, code, message);
    let broken = |code: &str, text: &str| {
        Outcome::Rejected(failure(Level::Endpoint, code, format!("{code}: {text}")).health(Health::Broken))
    };
    let not_installed = "Bot is not installed in this team/channel or for this user";
    let own_code = if code.is_empty() {
        format!("http_{status}")
    } else {
        code.to_owned()
    };
    match (status, code) {
        (_, "ServiceError" | "Throttled" | "TooManyRequests") | (412 | 429 | 502..=504, _) => Outcome::RetryAt {
            after: response.retry_after(),
            failure: failure(
                Level::Network,
                &own_code,
                format!("MS Teams is busy or down (status {status})."),
            ),
        },
        (_, "BotNotInConversationRoster" | "ForbiddenOperationException" | "BotNotInstalled") => {
            broken("MSTEAMS_BOT_NOT_INSTALLED", not_installed)
        }
        (_, "MessageWritesBlocked" | "ConversationBlockedByUser") => {
            broken("MSTEAMS_INSUFFICIENT_PERMISSIONS", "The user has blocked the bot")
        }
        (_, "BotDisabledByAdmin") => Outcome::Rejected(
            failure(
                Level::Grant,
                "MSTEAMS_INSUFFICIENT_PERMISSIONS",
                "MSTEAMS_INSUFFICIENT_PERMISSIONS: The tenant's administrator has disabled the bot".to_owned(),
            )
            .health(Health::Degraded { missing_scope: None }),
        ),
        (413, _) | (_, "MessageSizeTooBig") => Outcome::Rejected(failure(
            Level::Message,
            &own_code,
            format!("MS Teams API Error: {status} - the message is too big"),
        )),
        (404, _) | (_, "ConversationNotFound") => {
            broken("MSTEAMS_CHANNEL_NOT_FOUND", "Teams channel or user not found")
        }
        (401, _) => Outcome::Rejected(failure(
            Level::Integration,
            "MSTEAMS_INVALID_CREDENTIALS",
            "MSTEAMS_INVALID_CREDENTIALS: Invalid bot credentials or token".to_owned(),
        )),
        (403, _) => broken(
            "MSTEAMS_INSUFFICIENT_PERMISSIONS",
            "Insufficient permissions to send message",
        ),
        _ => {
            let said = answer["error"]["message"].as_str().unwrap_or("no reason given");
            let message = format!("MS Teams API Error: {status} - {said}");
            if status >= 500 || status == 408 {
                Outcome::Unknown(failure(Level::Network, &own_code, message))
            } else {
                Outcome::Rejected(failure(Level::Message, &own_code, message))
            }
        }
    }
}

/// A flow answers 202 when it has begun: whether it posted shows only there.
fn webhook_answer(response: &Response) -> Outcome {
    let id = || {
        response
            .header("request-id")
            .or_else(|| response.header("x-ms-workflow-run-id"))
            .map(str::to_owned)
    };
    let details = json!({ "status": response.status });
    if response.status == 202 {
        return Outcome::Accepted { id: id(), details };
    }
    if response.is_success() {
        return Outcome::Delivered { id: id(), details };
    }
    let answer = response.json().unwrap_or_default();
    match answer["error"]["code"].as_str() {
        // The flow was switched off or deleted, or its signature changed.
        Some(code) if response.status < 500 && (code.starts_with("Workflow") || code.contains("Authorization")) => {
            let message = format!(
                "The MS Teams workflow takes no messages any more (`{code}`). Switch it on, or make another one."
            );
            Outcome::Rejected(refused(response, Level::Endpoint, code, message).health(Health::Broken))
        }
        _ => by_status(response, "MS Teams webhook"),
    }
}
