//! Chat providers: one file each, with a pure `prepare` and a pure `interpret`.

mod address;
mod bases;
mod chat_webhook;
mod discord;
mod hooks;
mod line;
mod mattermost;
mod msteams;
mod overrides;
mod sendblue;
mod slack;
mod telegram;
mod webex;
mod whatsapp;

use serde_json::Value;
use url::Url;

pub use address::{Address, Region, ToolMethod, WebexPerson};
pub use bases::{BaseUrls, InvalidBaseUrl};
pub(crate) use slack::answer as slack_answer;

use crate::{
    outcome::{Failure, Health, Level, Outcome},
    transport::{BlockReason, Request, Response, Secretish, Transport, TransportError, Trust},
};

/// One message for one address.
#[derive(Clone, Copy)]
pub struct ChatDelivery<'a> {
    pub provider_id: &'a str,
    pub address: &'a Address,
    /// The connection's or the bot's token, for addresses that need one.
    pub token: Option<&'a str>,
    /// The customer's tenant, for MS Teams.
    pub tenant: Option<&'a str>,
    /// Where MS Teams told our bot to answer in that tenant, when it did.
    pub service_url: Option<&'a str>,
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
    /// A call that must be made first and may be repeated: its answer names the conversation that `request` posts into.
    pub opening: Option<Request>,
}

impl Prepared {
    fn new(request: Request, trust: Trust) -> Self {
        Self {
            request,
            trust,
            opening: None,
        }
    }
}

/// What a Slack error code of a channel or user means, for people.
pub fn slack_endpoint_message(code: &str) -> String {
    slack::endpoint_message(code)
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
    matches!(
        provider_id,
        "slack"
            | "discord"
            | "mattermost"
            | "chat-webhook"
            | "msteams"
            | "webex-messaging"
            | "telegram"
            | "line"
            | "whatsapp-business"
            | "sendblue"
    ) || posts_to_hooks(provider_id)
}

fn posts_to_hooks(provider_id: &str) -> bool {
    matches!(
        provider_id,
        "rocket-chat" | "ryver" | "zulip" | "getstream" | "grafana-on-call"
    )
}

/// Builds the call. A failure here is final, and nothing was sent.
pub fn prepare(delivery: &ChatDelivery<'_>) -> Result<Prepared, Failure> {
    match delivery.provider_id {
        "slack" => slack::prepare(delivery),
        "discord" => discord::prepare(delivery),
        "mattermost" => mattermost::prepare(delivery),
        "chat-webhook" => chat_webhook::prepare(delivery),
        "msteams" => msteams::prepare(delivery),
        "webex-messaging" => webex::prepare(delivery),
        "telegram" => telegram::prepare(delivery),
        "line" => line::prepare(delivery),
        "whatsapp-business" => whatsapp::prepare(delivery),
        "sendblue" => sendblue::prepare(delivery),
        other if posts_to_hooks(other) => hooks::prepare(delivery),
        other => Err(unsupported(other)),
    }
}

/// Makes the calls of a prepared delivery and reads what came of them. Nothing in the outcome is secret.
pub async fn send(transport: &Transport, provider_id: &str, address: &Address, prepared: &Prepared) -> Outcome {
    let Some(opening) = &prepared.opening else {
        let answer = transport.send(&prepared.request, prepared.trust).await;
        return interpret(provider_id, address, answer).scrubbed(&prepared.request);
    };
    let answer = transport.send(opening, prepared.trust).await;
    let (url, conversation) = match opened(opening, address, answer) {
        Ok(opened) => opened,
        Err(outcome) => return outcome.scrubbed(opening),
    };
    let request = Request {
        url,
        ..prepared.request.clone()
    };
    let answer = transport.send(&request, prepared.trust).await;
    let mut outcome = interpret(provider_id, address, answer).scrubbed(&request);
    // What was posted can be changed later only with its conversation.
    if let Outcome::Delivered { details, .. } = &mut outcome {
        details["conversationId"] = conversation.into();
    }
    outcome
}

/// Reads the answer to an opening call: where to post, and into which conversation.
fn opened(
    opening: &Request,
    address: &Address,
    answer: Result<Response, TransportError>,
) -> Result<(Url, String), Outcome> {
    match answer {
        Ok(response) if (300..400).contains(&response.status) => Err(Outcome::Rejected(redirected(address, &response))),
        Ok(response) => msteams::opened(opening, &response),
        // The message itself was not sent by then.
        Err(error) => Err(match unanswered(&error) {
            Outcome::Unknown(failure) => Outcome::RetryAt { after: None, failure },
            other => other,
        }),
    }
}

/// The address that a refusal says to use from now on instead of `address`: the provider has moved the place.
pub fn moved_to(failure: &Failure) -> Option<Address> {
    telegram::moved_to(failure)
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
            "msteams" => msteams::interpret(address, &response),
            "webex-messaging" => webex::interpret(&response),
            "telegram" => telegram::interpret(&response),
            "line" => line::interpret(&response),
            "whatsapp-business" => whatsapp::interpret(&response),
            "sendblue" => sendblue::interpret(&response),
            other if posts_to_hooks(other) => hooks::interpret(other, &response),
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
    Ok(Prepared::new(request, trust))
}

/// A credential or override that is a text with something in it.
fn filled<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

/// Adds the token, unless the caller brought an authorization of their own.
fn bearer(prepared: &mut Prepared, token: &str) -> Result<(), Failure> {
    if prepared.request.header("authorization").is_none() {
        let value = Secretish::Secret(format!("Bearer {token}"));
        prepared.request.set_header("authorization", value);
    }
    refuse_unsendable(prepared)
}

/// A call whose headers HTTP allows; a credential with a line break in it is no header.
fn sendable(prepared: Prepared) -> Result<Prepared, Failure> {
    refuse_unsendable(&prepared)?;
    Ok(prepared)
}

fn refuse_unsendable(prepared: &Prepared) -> Result<(), Failure> {
    match prepared.request.invalid_header() {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            Level::Integration,
            "invalid_credentials",
            format!("The credential for the header `{name}` has characters that no credential has."),
        )),
    }
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
