//! The known providers as data: for integrations, for the dashboard's forms, and for what API clients accept.

mod table;

/// A channel of Novu, by its wire name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    InApp,
    Email,
    Sms,
    Chat,
    Push,
    Tool,
}

impl Channel {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InApp => "in_app",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Chat => "chat",
            Self::Push => "push",
            Self::Tool => "tool",
        }
    }

    /// The provider by which a channel takes any vendor.
    pub fn webhook_provider(self) -> &'static str {
        match self {
            Self::InApp => "novu",
            Self::Email => "email-webhook",
            Self::Sms => "generic-sms",
            Self::Chat => "chat-webhook",
            Self::Push => "push-webhook",
            Self::Tool => "tool-webhook",
        }
    }
}

/// How a form asks for a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Text,
    TextArea,
    Number,
    Switch,
    Dropdown,
}

/// One credential of an integration. Integrations keep further keys that they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialField {
    pub key: &'static str,
    pub required: bool,
    /// Whether it must not be shown.
    pub secret: bool,
    pub input: Input,
}

/// One vendor's way of delivering on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    pub id: &'static str,
    pub name: &'static str,
    pub channel: Channel,
    pub credentials: &'static [CredentialField],
}

impl Provider {
    /// Whether this crate can already send with it.
    pub fn sends(&self) -> bool {
        crate::chat::sends(self.id)
    }

    /// Novu's own demo senders exist only on its cloud: the id is known, but it has no credentials to send with.
    pub fn is_cloud_demo(&self) -> bool {
        matches!(self.id, "novu-email" | "novu-email-agent" | "novu-sms" | "novu-slack")
    }

    /// A credential by its key.
    pub fn credential(&self, key: &str) -> Option<&'static CredentialField> {
        self.credentials.iter().find(|field| field.key == key)
    }
}

/// Every known provider.
pub fn all() -> &'static [Provider] {
    table::PROVIDERS
}

/// A provider by its id.
pub fn find(id: &str) -> Option<&'static Provider> {
    all().iter().find(|provider| provider.id == id)
}

/// The id under which official SDKs can be shown a provider. They accept a closed list; a provider beyond it appears
/// as its channel's webhook provider (design, section 5.9).
pub fn listed_for_sdk(id: &str, channel: Channel) -> &str {
    if find(id).is_some() {
        id
    } else {
        channel.webhook_provider()
    }
}

/// Whether a credential of any provider must not be shown. Novu encrypts the first eight; the others are
/// credentials in all but name.
pub const fn is_secret(key: &str) -> bool {
    const SECRETS: [&str; 10] = [
        "apiKey",
        "apiToken",
        "headers",
        "secretKey",
        "token",
        "password",
        "serviceAccount",
        "signingSecret",
        "accessKey",
        "hmacSecretKey",
    ];
    let mut index = 0;
    while index < SECRETS.len() {
        if same(SECRETS[index].as_bytes(), key.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

/// Strings cannot be compared with `==` in constants yet.
const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn provider(
    id: &'static str,
    name: &'static str,
    channel: Channel,
    credentials: &'static [CredentialField],
) -> Provider {
    Provider {
        id,
        name,
        channel,
        credentials,
    }
}

const fn req(key: &'static str) -> CredentialField {
    CredentialField {
        key,
        required: true,
        secret: is_secret(key),
        input: Input::Text,
    }
}

const fn opt(key: &'static str) -> CredentialField {
    CredentialField {
        required: false,
        ..req(key)
    }
}

impl CredentialField {
    const fn textarea(self) -> Self {
        Self {
            input: Input::TextArea,
            ..self
        }
    }

    const fn number(self) -> Self {
        Self {
            input: Input::Number,
            ..self
        }
    }

    const fn switch(self) -> Self {
        Self {
            input: Input::Switch,
            ..self
        }
    }

    const fn dropdown(self) -> Self {
        Self {
            input: Input::Dropdown,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_list_is_complete_and_unique() {
        let count = |channel| all().iter().filter(|provider| provider.channel == channel).count();
        let counts = [
            Channel::Email,
            Channel::Sms,
            Channel::Chat,
            Channel::Push,
            Channel::InApp,
            Channel::Tool,
        ]
        .map(count);
        assert_eq!(counts, [21, 38, 16, 8, 1, 3]);
        assert_eq!(
            all().iter().map(|provider| provider.id).collect::<HashSet<_>>().len(),
            87
        );
        for provider in all() {
            let keys: HashSet<_> = provider.credentials.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), provider.credentials.len(), "{}", provider.id);
        }
    }

    #[test]
    fn credentials_are_described() {
        let slack = find("slack").unwrap();
        let keys: Vec<_> = slack
            .credentials
            .iter()
            .map(|field| (field.key, field.required, field.secret))
            .collect();
        assert_eq!(
            keys,
            [
                ("applicationId", true, false),
                ("clientId", true, false),
                ("secretKey", true, true),
                ("signingSecret", true, true),
                ("redirectUrl", false, false),
                ("hmac", false, false),
            ]
        );
        assert_eq!(slack.credential("hmac").unwrap().input, Input::Switch);
        assert_eq!(
            find("fcm").unwrap().credential("serviceAccount").unwrap().input,
            Input::TextArea
        );
        assert!(find("discord").unwrap().credentials.is_empty());
        assert!(find("nobody").is_none());
    }

    #[test]
    fn what_sends_is_every_chat_provider() {
        let senders: Vec<_> = all()
            .iter()
            .filter(|provider| provider.sends())
            .map(|provider| provider.id)
            .collect();
        let expected: Vec<_> = all()
            .iter()
            .filter(|provider| provider.channel == Channel::Chat && !provider.is_cloud_demo())
            .map(|provider| provider.id)
            .collect();
        assert_eq!(senders, expected);
    }

    #[test]
    fn sdks_see_only_listed_providers() {
        assert_eq!(listed_for_sdk("slack", Channel::Chat), "slack");
        assert_eq!(listed_for_sdk("google-chat", Channel::Chat), "chat-webhook");
        assert_eq!(listed_for_sdk("web-push", Channel::Push), "push-webhook");
        assert_eq!(listed_for_sdk("x", Channel::Email), "email-webhook");
        assert_eq!(listed_for_sdk("x", Channel::Sms), "generic-sms");
        for channel in [
            Channel::InApp,
            Channel::Email,
            Channel::Sms,
            Channel::Chat,
            Channel::Push,
            Channel::Tool,
        ] {
            assert_eq!(find(channel.webhook_provider()).unwrap().channel, channel);
        }
    }
}
