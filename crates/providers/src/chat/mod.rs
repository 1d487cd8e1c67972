//! Chat providers: one file each, with a pure `prepare` and a pure `interpret`.

mod address;
mod bases;
mod chat_webhook;
mod discord;
mod mattermost;
mod overrides;
mod slack;

use serde_json::Value;
use url::Url;

pub use address::{Address, Region, ToolMethod, WebexPerson};
pub use bases::{BaseUrls, InvalidBaseUrl};

use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{BlockReason, Request, Response, TransportError, Trust},
};

/// One message for one address.
#[derive(Clone, Copy)]
pub struct ChatDelivery<'a> {
    pub provider_id: &'a str,
    pub address: &'a Address,
    /// The connection's or the bot's token, for addresses that need one.
    pub token: Option<&'a str>,
    pub text: &'a str,
    /// The provider overrides of trigger, step and framework, merged; without the members that are named after
    /// endpoints. Anything but an object is no override.
    pub overrides: &'a Value,
    /// `overrides.chat` and `overrides.<providerId>` of the trigger, merged.
    pub custom_data: &'a Value,
    /// The integration's credentials.
    pub credentials: &'a Value,
    /// Stays the same over all attempts of a delivery.
    pub delivery_id: &'a str,
    pub bases: &'a BaseUrls,
}

/// A call that is ready to be sent, or to be shown in the outbox.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub request: Request,
    pub trust: Trust,
}

/// What a Slack error code of a channel or user means, for people.
pub fn slack_endpoint_message(code: &str) -> String {
    slack::endpoint_message(code)
}

/// What an answer of Slack's Web API means, whatever the method: the codes are the same.
pub(crate) fn slack_answer(response: &Response) -> Outcome {
    slack::api_answer(response)
}

/// What it means that a call had no answer, whatever it was for.
pub(crate) fn unanswered_call(error: &TransportError) -> Failure {
    let message = format!("The vendor gave no answer: {error}.");
    let level = match error {
        TransportError::Blocked(_) => Level::Integration,
        TransportError::NotSent(_) | TransportError::Unknown(_) => Level::Network,
    };
    Failure::new(level, "no_answer", message)
}

/// Whether this module sends with a provider.
pub(crate) fn sends(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "discord" | "mattermost" | "chat-webhook")
}

/// Builds the call. A failure here is final, and nothing was sent.
pub fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    match delivery.provider_id {
        "slack" => slack::prepare(delivery),
        "discord" => discord::prepare(delivery),
        "mattermost" => mattermost::prepare(delivery),
        "chat-webhook" => chat_webhook::prepare(delivery),
        other => Err(unsupported(other)),
    }
}

/// Reads the answer, or its absence. Also clean with [`Outcome::scrubbed`] before storing: the answer may repeat the
/// token, which is not known here.
pub fn interpret(provider_id: &str, address: &Address, response: Result<Response, TransportError>) -> Outcome {
    let outcome = match response {
        Err(error) => unanswered(&error),
        Ok(response) if (300..400).contains(&response.status) => Outcome::Rejected(redirected(address, &response)),
        Ok(response) => match provider_id {
            "slack" => slack::interpret(address, &response),
            "discord" => discord::interpret(&response),
            "mattermost" => mattermost::interpret(&response),
            "chat-webhook" => chat_webhook::interpret(&response),
            other => Outcome::Rejected(unsupported(other)),
        },
    };
    match address {
        Address::Webhook { url, .. } => match Url::parse(url) {
            Ok(url) => outcome.scrubbed(&Request::new(http::Method::POST, url)),
            Err(_) => outcome,
        },
        _ => outcome,
    }
}

fn unsupported(provider_id: &str) -> Failure {
    let message = format!("Campanile cannot send with the chat provider `{provider_id}` yet.");
    Failure::new(Level::Integration, "provider_not_supported", message)
}

fn unanswered(error: &TransportError) -> Outcome {
    match error {
        TransportError::Blocked(reason) => Outcome::Rejected(blocked(reason)),
        TransportError::NotSent(_) => Outcome::RetryAt {
            after: None,
            failure: Failure::new(
                Level::Network,
                "not_sent",
                format!("The provider could not be reached: {error}."),
            ),
        },
        TransportError::Unknown(_) => Outcome::Unknown(Failure::new(
            Level::Network,
            "no_answer",
            format!("It is not known whether the message arrived: {error}."),
        )),
    }
}

fn blocked(reason: &BlockReason) -> Failure {
    Failure::new(
        Level::Endpoint,
        "url_blocked",
        format!("Chat webhook URL blocked: {reason}."),
    )
    .health(Health::Broken)
}

fn redirected(address: &Address, response: &Response) -> Failure {
    let (level, health) = match address {
        Address::Webhook { .. } => (Level::Endpoint, Some(Health::Broken)),
        _ => (Level::Integration, None),
    };
    let message = "The address answers with a redirect, which is not followed. Use the address that it leads to.";
    Failure::new(level, "redirected", message)
        .status(response.status)
        .health(health)
}

/// The address does not fit the provider.
fn unfit(provider: &str, address: &Address) -> Failure {
    let message = format!("{provider} cannot deliver to an endpoint of type `{}`.", address.kind());
    Failure::new(Level::Endpoint, "unsupported_address", message)
}

/// A webhook's URL, moved to the operator's base when it is one of the vendor's own.
fn webhook(delivery: &ChatDelivery<'_>, url: &str, vendor: fn(&str) -> bool) -> Result<(Url, Trust), Failure> {
    let url = Url::parse(url.trim()).map_err(|_| {
        Failure::new(
            Level::Endpoint,
            "invalid_url",
            "The webhook address is not a valid URL.",
        )
        .health(Health::Broken)
    })?;
    if url.host_str().is_some_and(|host| vendor(host.trim_end_matches('.')))
        && let Some(moved) = delivery.bases.replace(delivery.provider_id, &url)
    {
        return Ok((moved, Trust::Operator));
    }
    Ok((url, Trust::Customer))
}

/// A call in which `body` is laid out, with the pass-through parts added.
fn post(delivery: &ChatDelivery<'_>, url: Url, body: &Value, trust: Trust) -> Result<Prepared, Failure> {
    let mut request = Request::post_json(url, body.to_string());
    overrides::apply(&mut request, delivery)?;
    Ok(Prepared { request, trust })
}

/// A failure that carries the answer it came with.
fn refused(response: &Response, level: Level, code: impl Into<String>, message: impl Into<String>) -> Failure {
    Failure {
        details: Box::new(response.details()),
        ..Failure::new(level, code, message).status(response.status)
    }
}

/// A webhook that answers with a status only: what the status means by convention.
fn by_status(response: &Response, provider: &str) -> Outcome {
    let status = response.status;
    let code = format!("http_{status}");
    match status {
        429 | 408 | 500.. => Outcome::RetryAt {
            after: response.retry_after(),
            failure: refused(
                response,
                Level::Network,
                code,
                format!("{provider} is busy or down (status {status})."),
            ),
        },
        404 | 410 => Outcome::Rejected(
            refused(
                response,
                Level::Endpoint,
                code,
                format!("The {provider} address does not exist any more (status {status})."),
            )
            .health(Health::Broken),
        ),
        401 | 403 => Outcome::Rejected(refused(
            response,
            Level::Endpoint,
            code,
            format!("The {provider} address does not accept our calls (status {status})."),
        )),
        _ => Outcome::Rejected(refused(
            response,
            Level::Message,
            code,
            format!("{provider} refused the message (status {status})."),
        )),
    }
}

#[cfg(test)]
mod tests;
