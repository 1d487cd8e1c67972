//! Who a Telegram bot is, for links that start it. Sources: core.telegram.org, "Deep linking" of the bot features, and
//! `getMe` and `setWebhook` of the bot API.

use serde_json::{Value, json};
use url::Url;

use super::text;
use crate::chat::BaseUrls;
use crate::transport::{Request, Response};

/// Asks for the bot's own name.
pub fn get_me(bases: &BaseUrls, token: &str) -> Result<Request, String> {
    method(bases, token, "getMe").map(Request::get)
}

/// Has the bot's updates sent to this address, each with the secret: those that starting and stopping it makes.
pub fn set_webhook(bases: &BaseUrls, token: &str, address: &str, secret: &str) -> Result<Request, String> {
    let body = json!({ "url": address, "secret_token": secret, "allowed_updates": ["message", "my_chat_member"] });
    Ok(Request::post_json(
        method(bases, token, "setWebhook")?,
        body.to_string(),
    ))
}

fn method(bases: &BaseUrls, token: &str, name: &str) -> Result<Url, String> {
    let refused = || "The apiToken of the Telegram integration is not one that Telegram gives".to_owned();
    let is_token = token.contains(':') && token.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_".contains(&b));
    if !is_token {
        return Err(refused());
    }
    let url = Url::parse(&format!("https://api.telegram.org/bot{token}/{name}")).map_err(|_| refused())?;
    Ok(bases.of_vendor("telegram", &url))
}

/// The bot's name.
pub fn username(response: &Response) -> Result<String, String> {
    let answer = response.json().unwrap_or_default();
    if answer.get("ok") == Some(&Value::Bool(true))
        && let Some(name) = text(&answer, "/result/username").filter(|name| is_username(name))
    {
        return Ok(name);
    }
    Err(format!(
        "Telegram did not accept the integration's apiToken (HTTP {}). Copy the token from @BotFather.",
        response.status
    ))
}

fn is_username(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The link that starts the bot with a code: 1 to 64 characters of `A-Za-z0-9_-`.
pub fn start_link(username: &str, code: &str) -> String {
    format!("https://t.me/{username}?start={code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_asked_for_its_name() {
        let request = get_me(&BaseUrls::default(), "12:ab_C-d").unwrap();
        assert_eq!(request.url.as_str(), "https://api.telegram.org/bot12:ab_C-d/getMe");
        for token in ["", "x", "1:a/../b", "1:a?b"] {
            assert!(get_me(&BaseUrls::default(), token).is_err(), "{token}");
        }
        let answer = |value: Value| username(&Response::new(200, &[], value.to_string()));
        let named = answer(json!({ "ok": true, "result": { "id": 1, "is_bot": true, "username": "MyBot" } }));
        assert_eq!(named.as_deref(), Ok("MyBot"));
        assert!(answer(json!({ "ok": true, "result": { "username": "a/b" } })).is_err());
        assert!(
            username(&Response::new(401, &[], r#"{"ok":false}"#))
                .unwrap_err()
                .contains("401")
        );
        assert_eq!(start_link("MyBot", "c1"), "https://t.me/MyBot?start=c1");
    }
}
