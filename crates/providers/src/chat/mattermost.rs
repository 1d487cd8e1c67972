//! Mattermost's incoming webhooks, on the customer's own server.
//! Source: developers.mattermost.com, "Incoming webhooks".

use serde_json::{Map, Value, json};

use super::{Address, ChatDelivery, Prepared, by_status, overrides, post, refused, unfit, webhook};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::Response,
};

/// Members of Mattermost's messages and attachments that have more than one word.
const KEYS: [&str; 14] = [
    "author_icon",
    "author_link",
    "author_name",
    "footer_icon",
    "icon_emoji",
    "icon_url",
    "image_url",
    "mrkdwn_in",
    "persistent_notifications",
    "requested_ack",
    "root_id",
    "thumb_url",
    "title_link",
    "author_id",
];

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::Webhook { url, channel } = delivery.address else {
        return Err(unfit("Mattermost", delivery.address));
    };
    // There is no vendor's host: every server is a customer's.
    let (url, trust) = webhook(delivery, url, |_| false)?;
    let mut body = Map::from_iter([("text".to_owned(), Value::from(delivery.text))]);
    body.extend(
        channel
            .iter()
            .map(|channel| ("channel".to_owned(), Value::from(channel.as_str()))),
    );
    let body = overrides::body(Value::Object(body), delivery, wire_key);
    post(delivery, url, &body, trust)
}

fn wire_key(key: &str) -> Option<String> {
    let snake = overrides::snake_case(key);
    KEYS.contains(&snake.as_str()).then_some(snake)
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let id = || response.header("x-request-id").map(str::to_owned);
    if response.is_success() {
        return if response.text().trim() == "ok" {
            Outcome::Delivered {
                id: id(),
                details: json!({ "status": response.status }),
            }
        } else {
            // A login page in front of the server answers 200 as well.
            let message =
                "What answered is not a Mattermost webhook, so it is not known whether the message was posted.";
            Outcome::Unknown(refused(response, Level::Network, "unexpected_answer", message))
        };
    }
    let answer = response.json().unwrap_or_default();
    let said = answer["message"]
        .as_str()
        .unwrap_or("no reason given")
        .trim_end_matches('.')
        .to_owned();
    let Some(code) = answer["id"].as_str() else {
        return by_status(response, "Mattermost");
    };
    // The ids look like `web.incoming_webhook.<reason>.app_error`.
    match code
        .strip_prefix("web.incoming_webhook.")
        .and_then(|rest| rest.split('.').next())
    {
        Some("invalid" | "channel" | "channel_locked" | "disabled" | "permissions" | "user" | "team") => {
            Outcome::Rejected(
                refused(
                    response,
                    Level::Endpoint,
                    code,
                    format!("Mattermost does not let us post here: {said}."),
                )
                .health(Health::Broken),
            )
        }
        Some("text" | "parse" | "decode" | "split_props_length" | "attachment" | "priority") => {
            Outcome::Rejected(refused(
                response,
                Level::Message,
                code,
                format!("Mattermost refused the message: {said}."),
            ))
        }
        _ => by_status(response, "Mattermost"),
    }
}
