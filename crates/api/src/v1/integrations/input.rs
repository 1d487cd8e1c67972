//! What creating and updating an integration have in common, and which provider serves which channel.

use campanile_model::{Channel, Error, Id, Result};
use campanile_providers::catalogue;
use serde_json::{Map, Value};

use super::conditions::Condition;
use crate::call::Call;
use crate::{choices, dto};

choices! {
    /// What an integration is for.
    KindChoice { Delivery = "delivery", Agent = "agent", }
}

choices! {
    /// Dev mode's switch of an integration.
    SendChoice { Outbox = "outbox", Real = "real", }
}

impl SendChoice {
    pub(super) fn is_real(self) -> bool {
        self == Self::Real
    }
}

dto! {
    /// Settings of an integration beyond its credentials.
    Configurations {
        optional inbound_webhook_enabled: bool = "inboundWebhookEnabled";
        optional inbound_webhook_signing_key: String = "inboundWebhookSigningKey";
    }
}

impl Configurations {
    /// The members that were given.
    pub(super) fn given(self) -> Map<String, Value> {
        let members = [
            ("inboundWebhookEnabled", self.inbound_webhook_enabled.map(Value::from)),
            (
                "inboundWebhookSigningKey",
                self.inbound_webhook_signing_key.map(Value::from),
            ),
        ];
        let given = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}

/// The rule of ids in bodies.
pub(super) fn id_rule(id: &str) -> Option<String> {
    (!Id::is_id(id)).then(|| "must be a mongodb id".to_owned())
}

/// The conditions as they are stored.
pub(super) fn plain(conditions: Vec<Condition>) -> Vec<Value> {
    conditions.into_iter().map(|Condition(value)| value).collect()
}

/// Refuses a body that names another environment than the key's own. Texts are compared, so that an id in capitals is
/// not taken for the own one.
pub(super) fn only_own_environment(call: &Call, named: Option<&String>, verb: &str) -> Result<()> {
    if named.is_none_or(|id| *id == call.ctx.environment.to_string()) {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "This authentication scheme is scoped to a single environment and cannot {verb} an integration in a different \
         environment. Use credentials from the target environment, or authenticate with a session token."
    )))
}

/// The name that an integration of this provider gets unless its owner gives one.
pub(super) fn default_name(provider_id: &str) -> String {
    if let Some(provider) = catalogue::find(provider_id) {
        return provider.name.to_owned();
    }
    let mut letters = provider_id.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The channel of a new integration: agents have none and may be of any provider, others need a known provider that
/// serves the channel.
pub(super) fn channel_of(kind: KindChoice, provider_id: &str, channel: Option<Channel>) -> Result<Option<Channel>> {
    let provider = catalogue::find(provider_id);
    if provider.is_some_and(catalogue::Provider::is_cloud_demo) {
        return Err(Error::bad_request(format!(
            "Creating Novu integration for {provider_id} provider is not allowed"
        )));
    }
    if kind == KindChoice::Agent {
        return Ok(None);
    }
    let mut problems = Vec::new();
    if provider.is_none() {
        let known: Vec<&str> = catalogue::all().iter().map(|provider| provider.id).collect();
        problems.push(format!(
            "providerId must be one of the following values: {}",
            known.join(", ")
        ));
    }
    if channel.is_none() {
        problems.push(format!(
            "channel must be one of the following values: {}",
            Channel::WIRE.join(", ")
        ));
    }
    let (Some(provider), Some(channel)) = (provider, channel) else {
        return Err(Error::invalid(problems));
    };
    let served = provider.channel.as_str();
    if served != channel.wire() {
        return Err(Error::bad_request(format!(
            "The provider {provider_id} does not serve the channel {channel}; it serves {served}"
        )));
    }
    Ok(Some(channel))
}

#[cfg(test)]
mod tests {
    use campanile_model::error::Kind;

    use super::*;

    #[test]
    fn a_provider_serves_its_own_channel_only() {
        let delivery = |provider, channel| channel_of(KindChoice::Delivery, provider, channel);
        assert_eq!(delivery("slack", Some(Channel::Chat)).unwrap(), Some(Channel::Chat));
        for (provider, channel, kind, text) in [
            (
                "slack",
                Some(Channel::Email),
                Kind::BadRequest,
                "The provider slack does not serve the channel email; it serves chat",
            ),
            (
                "novu-email",
                Some(Channel::Email),
                Kind::BadRequest,
                "Creating Novu integration for novu-email provider is not allowed",
            ),
            ("nobody", Some(Channel::Email), Kind::Invalid, "Validation Error"),
            ("slack", None, Kind::Invalid, "Validation Error"),
        ] {
            let error = delivery(provider, channel).unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, text));
        }
    }

    #[test]
    fn an_agent_has_no_channel_and_any_runtime() {
        let agent = channel_of(KindChoice::Agent, "some-runtime", Some(Channel::Chat));
        assert_eq!(agent.unwrap(), None);
        assert_eq!(default_name("some-runtime"), "Some-runtime");
        assert_eq!(default_name("sendgrid"), "SendGrid");
    }
}
