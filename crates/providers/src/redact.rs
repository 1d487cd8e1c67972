//! Taking secrets out of what people will read: addresses, bodies, vendors' answers.

use serde_json::Value;
use url::Url;

/// What stands where a secret was.
pub(crate) const MASK: &str = "***";

/// Slack's tokens begin so, and nothing else does.
const TOKEN_MARKS: [&str; 11] = [
    "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xapp-", "xwfp-",
];

/// Query parameters whose name contains one of these are taken for secrets.
const SECRET_WORDS: [&str; 11] = [
    "token",
    "sig",
    "key",
    "secret",
    "pass",
    "code",
    "state",
    "auth",
    "credential",
    "jwt",
    "session",
];

/// JSON members that hold a secret, compared without case, `_` and `-`. The list is closed, because message bodies
/// have many innocent members such as `key` or `code`.
const SECRET_MEMBERS: [&str; 16] = [
    "token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "bottoken",
    "apikey",
    "apitoken",
    "secret",
    "secretkey",
    "clientsecret",
    "hmacsecretkey",
    "signingsecret",
    "password",
    "authorization",
    "routingkey",
];

/// JSON members that hold an address with a secret in it.
const ADDRESS_MEMBERS: [&str; 2] = ["webhookurl", "responseurl"];

/// The address with everything masked that could let someone else use it: user info, secret query values, and the
/// parts of the path in which webhooks carry their secret.
pub(crate) fn url(url: &Url) -> String {
    let mut text = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        text.push_str(MASK);
        text.push('@');
    }
    text.push_str(url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(&port.to_string());
    }
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let hidden = hidden_segments(&segments);
    for (segment, hidden) in segments.iter().zip(&hidden) {
        text.push('/');
        match (hidden, bot_token(segment)) {
            (true, true) => text.push_str("bot***"),
            (true, false) => text.push_str(MASK),
            (false, _) => text.push_str(segment),
        }
    }
    let mut separator = '?';
    for pair in url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        text.push(separator);
        separator = '&';
        match pair.split_once('=') {
            Some((name, value)) if secret_parameter(name) || token_like(value) => {
                text.push_str(name);
                text.push('=');
                text.push_str(MASK);
            }
            Some(_) => text.push_str(pair),
            None if token_like(pair) => text.push_str(MASK),
            None => text.push_str(pair),
        }
    }
    text
}

/// The pieces of an address that [`url`] masks, as they stand in it.
pub(crate) fn url_secrets(url: &Url) -> Vec<String> {
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let hidden = hidden_segments(&segments);
    let mut secrets: Vec<String> = segments
        .iter()
        .zip(hidden)
        .filter(|(_, hidden)| *hidden)
        .map(|(segment, _)| (*segment).to_owned())
        .collect();
    // Telegram's token is what follows `bot` in the path.
    let tokens: Vec<String> = segments
        .iter()
        .filter(|segment| bot_token(segment))
        .map(|token| token[3..].to_owned())
        .collect();
    secrets.extend(tokens);
    secrets.extend(url.password().map(str::to_owned));
    for pair in url.query().unwrap_or_default().split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && (secret_parameter(name) || token_like(value))
        {
            secrets.push(value.to_owned());
            secrets.push(
                percent_encoding::percent_decode_str(value)
                    .decode_utf8_lossy()
                    .into_owned(),
            );
        }
    }
    secrets
}

/// A value with its secret members, addresses and recognisable tokens masked.
pub(crate) fn json(value: &Value) -> Value {
    map_json(value, &text)
}

/// A value with its secret members and webhook addresses masked, and `clean` applied to every other text.
pub(crate) fn map_json(value: &Value, clean: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.iter().map(|item| map_json(item, clean)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let plain = name.replace(['_', '-'], "").to_ascii_lowercase();
                    let value = match value {
                        Value::String(_) if SECRET_MEMBERS.contains(&plain.as_str()) => Value::from(MASK),
                        Value::String(text) if ADDRESS_MEMBERS.contains(&plain.as_str()) => {
                            Value::from(Url::parse(text).map_or_else(|_| MASK.to_owned(), |parsed| url(&parsed)))
                        }
                        other => map_json(other, clean),
                    };
                    (clean(name), value)
                })
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A text with the tokens and addresses that can be recognised in it masked.
pub(crate) fn text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let boundary = |c: char| c.is_whitespace() || "\"'<>(),;|`{}[]".contains(c);
    while !rest.is_empty() {
        let end = rest.find(boundary).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        clean.push_str(&mask_word(word));
        let mut characters = tail.chars();
        clean.extend(characters.next());
        rest = characters.as_str();
    }
    clean
}

/// Replaces each of `secrets` in `text`. Very short ones are left, since they would garble innocent words.
pub(crate) fn replace(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|secret| secret.len() >= 6)
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
}

fn mask_word(word: &str) -> String {
    if word.starts_with("http://") || word.starts_with("https://") {
        return Url::parse(word).map_or_else(|_| MASK.to_owned(), |parsed| url(&parsed));
    }
    if TOKEN_MARKS.iter().any(|mark| word.contains(mark)) {
        MASK.to_owned()
    } else {
        word.to_owned()
    }
}

fn secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Telegram puts `bot<id>:<secret>` into the path.
fn bot_token(segment: &str) -> bool {
    segment.strip_prefix("bot").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && (rest.contains(':') || rest.to_ascii_lowercase().contains("%3a"))
    })
}

/// Long and mixed enough to be random rather than written by a person.
fn token_like(text: &str) -> bool {
    text.len() >= 20
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Which segments of a path are secret. Slack's are `/services/T…/B…/…` (also `/workflows`, `/triggers`), Discord's
/// `/api/webhooks/<id>/<token>`, Mattermost's and Rocket.Chat's `/hooks/…`.
fn hidden_segments(segments: &[&str]) -> Vec<bool> {
    let mut all = false;
    let mut hook = false;
    segments
        .iter()
        .enumerate()
        .map(|(index, segment)| {
            // Discord's token follows the numeric id and may be of any length in an emulator.
            let discord = index >= 2
                && segments[index - 2] == "webhooks"
                && segments[index - 1].bytes().all(|byte| byte.is_ascii_digit());
            let hidden = all || discord || token_like(segment) || bot_token(segment) || (hook && segment.len() >= 16);
            all |= matches!(*segment, "services" | "workflows" | "triggers") && segments.len() > index + 2;
            hook |= matches!(*segment, "hooks" | "hook" | "webhooks" | "webhook" | "incoming");
            hidden
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        let table = [
            (
                "https://hooks.slack.com/services/T1/B1/canary",
                "https://hooks.slack.com/services/***/***/***",
            ),
            (
                "http://127.0.0.1:4100/services/T1/B1/canary",
                "http://127.0.0.1:4100/services/***/***/***",
            ),
            (
                "https://hooks.slack.com/workflows/T1/A1/2/canary",
                "https://hooks.slack.com/workflows/***/***/***/***",
            ),
            (
                "https://discord.com/api/webhooks/123/canary?wait=true",
                "https://discord.com/api/webhooks/123/***?wait=true",
            ),
            (
                "https://discord.com/api/v10/webhooks/123/canary",
                "https://discord.com/api/v10/webhooks/123/***",
            ),
            (
                "https://api.telegram.org/bot1:canary/sendMessage",
                "https://api.telegram.org/bot***/sendMessage",
            ),
            (
                "https://mm.example/hooks/canarycanarycanary",
                "https://mm.example/hooks/***",
            ),
            (
                "https://a.example/x?sig=canary&api-version=1",
                "https://a.example/x?sig=***&api-version=1",
            ),
            ("https://a.example/x?token=canary", "https://a.example/x?token=***"),
            (
                "https://a.example/x?api_key=canary&b",
                "https://a.example/x?api_key=***&b",
            ),
            ("https://u:canary@a.example/", "https://***@a.example/"),
            ("https://a.example/x#canary", "https://a.example/x"),
            (
                "https://slack.com/api/chat.postMessage",
                "https://slack.com/api/chat.postMessage",
            ),
            ("https://a.example/webhooks/novu", "https://a.example/webhooks/novu"),
        ];
        for (given, expected) in table {
            assert_eq!(url(&Url::parse(given).unwrap()), expected);
        }
    }

    #[test]
    fn bodies_lose_their_secrets() {
        let body = json!({
            "webhookUrl": "https://hooks.slack.com/services/T1/B1/canary",
            "hmacSecretKey": "canary", "nested": [{ "access_token": "canary" }], "text": "see <https://a.example/?token=canary>"
        });
        let clean = json(&body).to_string();
        assert!(!clean.contains("canary"), "{clean}");
        assert!(clean.contains("see <https://a.example/?token=***>"), "{clean}");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(given in ".{0,80}") {
            let _ = text(&given);
            if let Ok(parsed) = Url::parse(&format!("http://h/{given}")) { let _ = url(&parsed); }
        }

        #[test]
        fn slack_tokens_never_survive(before in "[a-z ]{0,9}", after in "[a-zA-Z0-9-]{6,40}") {
            let given = format!("{before} xoxb-{after} end");
            let clean = text(&given);
            prop_assert!(!clean.contains(&after), "{}", clean);
        }
    }
}
