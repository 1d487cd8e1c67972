//! Webex: `POST /v1/messages` with the organisation's token.
//! Source: developer.webex.com, "Messages: Create a Message" and "REST API Basics".

use serde_json::{Value, json};
use url::Url;

use super::address::WebexPerson;
use super::{Address, ChatDelivery, Prepared, bearer, by_status, filled, overrides, post, refused, unfit};
use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{Response, Trust},
};

const API: &str = "https://webexapis.com/v1";

/// Of text or markdown, in bytes.
const MAX_TEXT: usize = 7439;

pub(super) fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    let mut body = match delivery.address {
        Address::WebexRoom {
            room_id,
            parent_id: None,
        } => json!({ "roomId": room_id }),
        Address::WebexRoom {
            room_id,
            parent_id: Some(parent_id),
        } => json!({ "roomId": room_id, "parentId": parent_id }),
        Address::WebexPerson(WebexPerson::Id(id)) => json!({ "toPersonId": id }),
        Address::WebexPerson(WebexPerson::Email(email)) => json!({ "toPersonEmail": email }),
        other => return Err(unfit("Webex", other)),
    };
    body["markdown"] = delivery.text.into();
    if let Value::Object(members) = &mut body {
        overrides::spread(members, delivery.custom_data);
    }
    let body = overrides::body(body, delivery, overrides::as_is);
    for name in ["markdown", "text"] {
        if body[name].as_str().is_some_and(|text| text.len() > MAX_TEXT) {
            let message = format!("Webex takes at most {MAX_TEXT} bytes of text; this message is longer.");
            return Err(Failure::new(Level::Message, "content_too_long", message));
        }
    }
    let token = delivery.token.map(str::trim).filter(|token| !token.is_empty()).ok_or_else(|| {
        let message = "There is no Webex token for this endpoint: connect the organisation, and link the endpoint to the connection.";
        Failure::new(Level::Grant, "not_authed", message)
    })?;
    let (url, trust) = messages_url(delivery)?;
    let mut prepared = post(delivery, url, &body, trust)?;
    bearer(&mut prepared, token)?;
    Ok(prepared)
}

/// The operator's base, then the integration's `baseUrl`, which came through the API, then Webex itself.
fn messages_url(delivery: &ChatDelivery<'_>) -> Result<(Url, Trust), Failure> {
    let at = |base: &str| {
        Url::parse(&format!("{}/messages", base.trim().trim_end_matches('/'))).map_err(|_| {
            let message = "The integration's baseUrl is not a valid URL.";
            Failure::new(Level::Integration, "invalid_url", message)
        })
    };
    if let Some(moved) = delivery.bases.replace(delivery.provider_id, &at(API)?) {
        return Ok((moved, Trust::Operator));
    }
    match filled(delivery.credentials, "baseUrl") {
        Some(own) => Ok((at(own)?, Trust::Customer)),
        None => Ok((at(API)?, Trust::Operator)),
    }
}

pub(super) fn interpret(response: &Response) -> Outcome {
    let answer = response.json().unwrap_or_default();
    let status = response.status;
    if response.is_success() {
        return match answer["id"].as_str() {
            Some(id) => Outcome::Delivered {
                id: Some(id.to_owned()),
                details: json!({ "roomId": answer["roomId"] }),
            },
            None => Outcome::Unknown(refused(
                response,
                Level::Network,
                format!("http_{status}"),
                "What answered at Webex's address does not say whether the message was posted.",
            )),
        };
    }
    let said = answer["message"]
        .as_str()
        .unwrap_or("no reason given")
        .trim_end_matches('.');
    let code = format!("http_{status}");
    let refusal = |level, message: String| refused(response, level, code.clone(), message);
    match status {
        401 => Outcome::Rejected(
            refusal(
                Level::Grant,
                "Webex no longer accepts the token of this organisation. It must be reconnected.".to_owned(),
            )
            .health(Health::NeedsReauth),
        ),
        403 if said.to_ascii_lowercase().contains("scope") => Outcome::Rejected(
            refusal(
                Level::Grant,
                format!("The connection may not do this at Webex: {said}."),
            )
            .health(Health::Degraded { missing_scope: None }),
        ),
        403 | 404 | 410 => Outcome::Rejected(
            refusal(Level::Endpoint, format!("Webex does not let us post here: {said}.")).health(Health::Broken),
        ),
        423 | 429 | 502 | 503 => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refusal(Level::Network, format!("Webex asks us to wait (status {status}).")),
        },
        408 | 500.. => Outcome::Unknown(refusal(
            Level::Network,
            format!("Webex failed while posting (status {status}); the message may have arrived."),
        )),
        400 | 413 | 415 => Outcome::Rejected(refusal(Level::Message, format!("Webex refused the message: {said}."))),
        _ => by_status(response, "Webex"),
    }
}
