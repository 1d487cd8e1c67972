//! Discord's webhooks. Source: discord.com/developers/docs, "Webhook" resource and "Rate limits".

use serde_json::{Map, Value, json};

use super::{Address, ChatDelivery, Prepared, by_status, overrides, post, refused, unfit, webhook};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    retry_after,
    transport::Response,
};

/// Counted in code points, of which Discord never counts fewer: what is refused here would be refused there.
const MAX_CONTENT: usize = 2000;

/// Members of Discord's messages, embeds and components that have more than one word.
const KEYS: [&str; 19] = [
    "allowed_mentions",
    "applied_tags",
    "attachment_id",
    "avatar_url",
    "content_type",
    "custom_id",
    "default_values",
    "icon_url",
    "max_length",
    "max_values",
    "message_reference",
    "min_length",
    "min_values",
    "proxy_icon_url",
    "proxy_url",
    "replied_user",
    "sku_id",
    "thread_name",
    "accent_color",
];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::Webhook { url, .. } = delivery.address else {
        return Err(unfit("Discord", delivery.address));
    };
    let (mut url, trust) = webhook(delivery, url, |host| {
        ["discord.com", "discordapp.com"]
            .iter()
            .any(|vendor| host == *vendor || host.strip_suffix(vendor).is_some_and(|rest| rest.ends_with('.')))
    })?;
    // Without it the answer is empty and comes before the message is stored.
    if !url.query_pairs().any(|(name, _)| name == "wait") {
        url.query_pairs_mut().append_pair("wait", "true");
    }
    let mut body = Map::from_iter([("content".to_owned(), Value::from(delivery.text))]);
    overrides::spread(&mut body, delivery.custom_data);
    let mut body = overrides::body(Value::Object(body), delivery, wire_key);
    if body["content"]
        .as_str()
        .is_some_and(|content| content.chars().count() > MAX_CONTENT)
    {
        let message = format!("Discord takes at most {MAX_CONTENT} characters; this message is longer.");
        return Err(Failure::new(Level::Message, "content_too_long", message));
    }
    // Content comes from templates and payloads: only an explicit override may alarm a whole server.
    if let Value::Object(members) = &mut body {
        members
            .entry("allowed_mentions")
            .or_insert_with(|| json!({ "parse": ["users", "roles"] }));
    }
    post(delivery, url, &body, trust)
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    if response.is_success() {
        let id = answer["id"].as_str().map(str::to_owned);
        return Outcome::Delivered {
            id,
            details: json!({ "channelId": answer["channel_id"], "timestamp": answer["timestamp"] }),
        };
    }
    let code = answer["code"].as_u64().unwrap_or(0);
    let label = if code == 0 {
        format!("http_{}", response.status)
    } else {
        code.to_string()
    };
    let said = answer["message"]
        .as_str()
        .unwrap_or("no reason given")
        .trim_end_matches('.')
        .to_owned();
    match (response.status, code) {
        (429, _) => Outcome::RetryAt {
            // The body's number has fractions and counts for shared limits too.
            after: answer["retry_after"]
                .as_f64()
                .and_then(retry_after::seconds)
                .or_else(|| response.retry_after()),
            failure: refused(response, Level::Network, label, "Discord asks us to wait."),
        },
        // unknown channel, unknown guild, unknown webhook, invalid webhook token
        (_, 10_003 | 10_004 | 10_015 | 50_027) | (401 | 403 | 404 | 410, _) => Outcome::Rejected(
            refused(
                response,
                Level::Endpoint,
                label,
                format!("The Discord webhook cannot be used any more: {said}."),
            )
            .health(Health::Broken),
        ),
        (400 | 413 | 422, _) => Outcome::Rejected(refused(
            response,
            Level::Message,
            label,
            format!("Discord refused the message: {said}."),
        )),
        _ => by_status(response, "Discord"),
    }
}
