//! Providers that are no more than a POST to a webhook of the customer's own server. Their calls are those that Novu makes.

use serde_json::{Value, json};

use super::{Address, ChatDelivery, Prepared, by_status, filled, overrides, post, unfit, webhook};
use crate::{
    outcome::{Failure, Level, Outcome},
    transport::{Response, Secretish},
};

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let Address::Webhook { url, channel } = delivery.address else {
        return Err(unfit(name(delivery.provider_id), delivery.address));
    };
    let (mut url, trust) = webhook(delivery, url, |_| false)?;
    let text = delivery.text;
    let credential = |name: &str| filled(delivery.credentials, name).map(str::trim);
    let body = match delivery.provider_id {
        "ryver" => json!({ "content": text }),
        "grafana-on-call" => json!({
            "alert_uid": credential("alertUid"),
            "title": credential("title"),
            "image_url": credential("imageUrl"),
            "state": credential("state"),
            "link_to_upstream_details": credential("externalLink"),
            "message": text,
        }),
        "rocket-chat" => {
            let path = format!("{}/api/v1/chat.sendMessage", url.path().trim_end_matches('/'));
            url.set_path(&path);
            json!({ "message": { "rid": channel, "msg": text } })
        }
        _ => json!({ "text": text }),
    };
    let body = overrides::body(body, delivery, overrides::as_is);
    let mut prepared = post(delivery, url, &body, trust)?;
    let headers: &[(&str, &str)] = match delivery.provider_id {
        "rocket-chat" => &[("x-auth-token", "token"), ("x-user-id", "user")],
        "getstream" => &[("x-api-key", "apiKey")],
        _ => &[],
    };
    for (header, name) in headers {
        let value = credential(name).ok_or_else(|| {
            let message = format!("The integration has no {name}.");
            Failure::new(Level::Integration, "credentials_missing", message)
        })?;
        prepared.request.set_header(header, Secretish::Secret(value.to_owned()));
    }
    super::sendable(prepared)
}

pub(super) fn interpret(provider_id: &str, response: &Response) -> Outcome {
    if !response.is_success() {
        return by_status(response, name(provider_id));
    }
    let answer = response.json().unwrap_or_default();
    // Rocket.Chat names the message that it made.
    let id = [&answer["message"]["_id"], &answer["id"]]
        .into_iter()
        .find_map(Value::as_str);
    Outcome::Delivered {
        id: id.map(str::to_owned),
        details: json!({ "status": response.status }),
    }
}

fn name(provider_id: &str) -> &'static str {
    match provider_id {
        "ryver" => "Ryver",
        "zulip" => "Zulip",
        "getstream" => "GetStream",
        "rocket-chat" => "Rocket.Chat",
        _ => "Grafana OnCall",
    }
}
