//! Refresh tokens: a new pair of tokens for an old one, and the revocation of tokens.
//! Sources: docs.slack.dev, "Token rotation", `oauth.v2.access` and `auth.revoke`; developer.webex.com, "Integrations".
//! Webex lets only administrators revoke authorizations (with the scope `identity:tokens_write`), so nothing is revoked
//! there, and nothing at Microsoft, whose consent belongs to the customer's directory.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::chat::BaseUrls;
use crate::outcome::head;
use crate::redact;
use crate::transport::{Request, Response, Secretish, TransportError};

const SLACK_TOKEN: &str = "https://slack.com/api/oauth.v2.access";
const SLACK_REVOKE: &str = "https://slack.com/api/auth.revoke";
const WEBEX_TOKEN: &str = "https://webexapis.com/v1/access_token";
/// What a vendor says is repeated up to this length.
const LONGEST: usize = 200;

/// Our user's app at the vendor.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    pub id: String,
    pub secret: String,
}

/// What the vendor issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub access_token: String,
    /// Absent when the old one stays good.
    pub refresh_token: Option<String>,
    pub expires_in: Option<Duration>,
    pub refresh_token_expires_in: Option<Duration>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tokens for {:?}", self.expires_in)
    }
}

/// What an exchange of a refresh token came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// A new pair.
    Renewed(Issued),
    /// The vendor does not take this refresh token.
    Refused { revoked: bool, trouble: Trouble },
    /// The vendor does not take our user's app.
    App(Trouble),
    /// It may work later. `lost` when the vendor may have issued a pair that we did not get.
    Later {
        after: Option<Duration>,
        lost: bool,
        trouble: Trouble,
    },
}

/// What went wrong: a code, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub code: String,
    pub message: String,
}

/// What a call to revoke tokens came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// They are worth nothing any more.
    Confirmed,
    /// The access token has ended by itself; only a new one can be used to revoke the grant.
    Expired,
    /// It may work later.
    Later { after: Option<Duration>, message: String },
}

/// What people call the vendor.
pub fn label(provider_id: &str) -> &'static str {
    if provider_id == "webex-messaging" {
        "Webex"
    } else {
        "Slack"
    }
}

/// Whether the vendor lets an app revoke its own tokens.
pub fn can_revoke(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "novu-slack")
}

/// Asks for a new pair.
pub fn exchange_request(bases: &BaseUrls, provider_id: &str, client: &Client, refresh_token: &str) -> Option<Request> {
    let url = match provider_id {
        "slack" | "novu-slack" => vendor_url(bases, "slack", SLACK_TOKEN)?,
        "webex-messaging" => vendor_url(bases, provider_id, WEBEX_TOKEN)?,
        _ => return None,
    };
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ];
    Some(Request::post_form(url, &fields))
}

/// Asks to revoke an access token, which takes its refresh token with it.
pub fn revoke_request(bases: &BaseUrls, provider_id: &str, access_token: &str) -> Option<Request> {
    if !can_revoke(provider_id) {
        return None;
    }
    let mut request = Request::post_form(vendor_url(bases, "slack", SLACK_REVOKE)?, &[]);
    request.set_header("Authorization", Secretish::Secret(format!("Bearer {access_token}")));
    Some(request)
}

fn vendor_url(bases: &BaseUrls, part: &str, url: &str) -> Option<Url> {
    Some(bases.of_vendor(part, &Url::parse(url).ok()?))
}

/// Reads the answer to [`exchange_request`]. `secrets` are those that the request carried: a vendor may repeat them.
pub fn exchange_answer(provider_id: &str, answer: Result<Response, TransportError>, secrets: &[&str]) -> Exchange {
    let label = label(provider_id);
    let later = |after, lost, code: &str, said: String| Exchange::Later {
        after,
        lost,
        trouble: trouble(label, code, None, &said),
    };
    let response = match answer {
        Ok(response) => response,
        Err(TransportError::Unknown(why)) => return later(None, true, "no_answer", why),
        Err(error) => return later(None, false, "not_sent", error.to_string()),
    };
    let body = if response.complete { response.json() } else { None };
    let text = |name: &str| body.as_ref()?.get(name)?.as_str().filter(|text| !text.is_empty());
    let code = text("error").filter(|code| is_code(code));
    let said = said(&response, body.as_ref(), secrets);
    let status = (!response.is_success()).then_some(response.status);
    if response.status == 429 || matches!(code, Some("ratelimited" | "rate_limited")) {
        return later(response.retry_after(), false, "ratelimited", said);
    }
    match code {
        None => {}
        Some("invalid_refresh_token" | "invalid_grant" | "token_expired" | "invalid_code" | "code_already_used") => {
            return refused(false, label, code, status, &said);
        }
        Some("token_revoked" | "account_inactive" | "authorization_not_found" | "invalid_auth") => {
            return refused(true, label, code, status, &said);
        }
        Some(
            "bad_client_secret"
            | "invalid_client"
            | "invalid_client_id"
            | "invalid_client_secret"
            | "unauthorized_client"
            | "token_rotation_not_enabled",
        ) => return Exchange::App(trouble(label, code.unwrap_or_default(), status, &said)),
        // The vendor may have got as far as issuing a pair.
        Some("internal_error" | "fatal_error" | "request_timeout" | "server_error") => {
            return later(response.retry_after(), true, code.unwrap_or_default(), said);
        }
        // Also what this list does not know: a grant is not given up for a word that says nothing about it.
        Some(code) => return later(response.retry_after(), false, code, said),
    }
    if !response.is_success() {
        let lost = response.status >= 500;
        return match response.status {
            // Webex says no with these, in words of its own.
            400 if provider_id == "webex-messaging" => refused(false, label, Some("http_400"), status, &said),
            401 => Exchange::App(trouble(label, "http_401", status, &said)),
            _ => Exchange::Later {
                after: response.retry_after(),
                lost,
                trouble: trouble(label, &format!("http_{}", response.status), status, &said),
            },
        };
    }
    match text("access_token") {
        Some(access_token) => Exchange::Renewed(Issued {
            access_token: access_token.to_owned(),
            refresh_token: text("refresh_token").map(str::to_owned),
            expires_in: seconds(body.as_ref(), "expires_in"),
            refresh_token_expires_in: seconds(body.as_ref(), "refresh_token_expires_in"),
        }),
        None => later(None, true, "no_access_token", "unknown_error".to_owned()),
    }
}

fn refused(revoked: bool, label: &str, code: Option<&str>, status: Option<u16>, said: &str) -> Exchange {
    Exchange::Refused {
        revoked,
        trouble: trouble(label, code.unwrap_or_default(), status, said),
    }
}

/// The sentence is the original's (channels.md 3.4), to the letter.
fn trouble(label: &str, code: &str, status: Option<u16>, said: &str) -> Trouble {
    let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    Trouble {
        code: code.to_owned(),
        message: format!("{label} token refresh failed{status}: {said}. Reconnect the {label} channel connection."),
    }
}

/// What the vendor said, without anything secret.
fn said(response: &Response, body: Option<&Value>, secrets: &[&str]) -> String {
    let member = |name: &str| body?.get(name)?.as_str().map(str::to_owned);
    let raw = if response.is_success() {
        member("error").unwrap_or_else(|| "unknown_error".to_owned())
    } else {
        let text = || response.text().trim().to_owned();
        member("message").or_else(|| member("error")).unwrap_or_else(text)
    };
    let secrets: Vec<String> = secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .map(|secret| (*secret).to_owned())
        .collect();
    let clean = redact::replace(&redact::text(&raw), &secrets);
    let clean = head(clean.trim_end_matches('.'), LONGEST);
    if clean.is_empty() {
        "unknown_error".to_owned()
    } else {
        clean.to_owned()
    }
}

/// Reads the answer to [`revoke_request`].
pub fn revoke_answer(answer: Result<Response, TransportError>) -> Revoked {
    let later = |after, message: String| Revoked::Later { after, message };
    let response = match answer {
        Ok(response) => response,
        Err(error) => return later(None, error.to_string()),
    };
    let body = response.json().unwrap_or_default();
    if response.is_success() && body["ok"] == true {
        return Revoked::Confirmed;
    }
    match body["error"].as_str().filter(|code| is_code(code)) {
        Some("token_expired") => Revoked::Expired,
        // Nothing is left to be revoked.
        Some("invalid_auth" | "token_revoked" | "account_inactive" | "not_authed") => Revoked::Confirmed,
        Some(code) => later(
            response.retry_after(),
            format!("Slack did not revoke the token (`{code}`)."),
        ),
        None => later(
            response.retry_after(),
            format!("Slack did not revoke the token (HTTP {}).", response.status),
        ),
    }
}

fn seconds(body: Option<&Value>, name: &str) -> Option<Duration> {
    body?.get(name)?.as_u64().map(Duration::from_secs)
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client() -> Client {
        Client {
            id: "1.2".to_owned(),
            secret: "canary-secret".to_owned(),
        }
    }

    fn slack(status: u16, body: &Value) -> Exchange {
        let response = Response::new(status, &[], body.to_string());
        exchange_answer("slack", Ok(response), &["canary-refresh", "canary-secret"])
    }

    #[test]
    fn the_request_is_a_form_at_the_vendors_address() {
        let request = exchange_request(&BaseUrls::default(), "novu-slack", &client(), "r 1").unwrap();
        assert_eq!(request.url.as_str(), SLACK_TOKEN);
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert_eq!(
            body,
            "grant_type=refresh_token&refresh_token=r+1&client_id=1.2&client_secret=canary-secret"
        );
        let request = exchange_request(&BaseUrls::default(), "webex-messaging", &client(), "r").unwrap();
        assert_eq!(request.url.as_str(), WEBEX_TOKEN);
        assert!(exchange_request(&BaseUrls::default(), "msteams", &client(), "r").is_none());
        let request = revoke_request(&BaseUrls::default(), "slack", "canary-token").unwrap();
        assert_eq!(request.header("authorization"), Some("Bearer canary-token"));
        assert!(!format!("{request:?} {:?}", request.headers).contains("canary"));
        assert!(revoke_request(&BaseUrls::default(), "webex-messaging", "t").is_none());
    }

    #[test]
    fn a_new_pair_is_read() {
        let body = json!({ "ok": true, "access_token": "a", "refresh_token": "r", "expires_in": 43_200 });
        let Exchange::Renewed(issued) = slack(200, &body) else {
            panic!("not renewed")
        };
        assert_eq!(
            (issued.access_token.as_str(), issued.refresh_token.as_deref()),
            ("a", Some("r"))
        );
        assert_eq!(issued.expires_in, Some(Duration::from_hours(12)));
        let Exchange::Renewed(issued) = slack(200, &json!({ "ok": true, "access_token": "a" })) else {
            panic!("not renewed")
        };
        assert_eq!((issued.refresh_token, issued.expires_in), (None, None));
    }

    #[test]
    fn each_answer_blames_one_level() {
        let error = |code: &str| json!({ "ok": false, "error": code });
        let word = |exchange: &Exchange| match exchange {
            Exchange::Renewed(_) => "renewed",
            Exchange::Refused { revoked: false, .. } => "refused",
            Exchange::Refused { revoked: true, .. } => "revoked",
            Exchange::App(_) => "app",
            Exchange::Later { lost: false, .. } => "later",
            Exchange::Later { lost: true, .. } => "lost",
        };
        let table = [
            (200, error("invalid_refresh_token"), "refused"),
            (400, error("invalid_grant"), "refused"),
            (200, error("token_revoked"), "revoked"),
            (200, error("account_inactive"), "revoked"),
            (200, error("bad_client_secret"), "app"),
            (401, error("invalid_client"), "app"),
            (401, json!({}), "app"),
            (200, error("ratelimited"), "later"),
            (429, json!({}), "later"),
            (200, error("team_added_to_org"), "later"),
            (200, error("a_word_of_tomorrow"), "later"),
            (404, json!("nothing here"), "later"),
            (200, error("internal_error"), "lost"),
            (503, json!({}), "lost"),
            (200, json!({ "ok": true }), "lost"),
        ];
        for (status, body, expected) in table {
            assert_eq!(word(&slack(status, &body)), expected, "{status} {body}");
        }
        let lost = exchange_answer("slack", Err(TransportError::Unknown("timed out".to_owned())), &[]);
        assert_eq!(word(&lost), "lost");
        let not_sent = exchange_answer("slack", Err(TransportError::NotSent("no way".to_owned())), &[]);
        assert_eq!(word(&not_sent), "later");
    }

    #[test]
    fn the_sentences_are_the_originals_and_hold_no_secret() {
        let message = |exchange: Exchange| match exchange {
            Exchange::Refused { trouble, .. } | Exchange::App(trouble) | Exchange::Later { trouble, .. } => {
                trouble.message
            }
            Exchange::Renewed(_) => String::new(),
        };
        assert_eq!(
            message(slack(200, &json!({ "ok": false, "error": "invalid_refresh_token" }))),
            "Slack token refresh failed: invalid_refresh_token. Reconnect the Slack channel connection."
        );
        let webex = Response::new(
            400,
            &[],
            json!({ "message": "no such token canary-refresh" }).to_string(),
        );
        assert_eq!(
            message(exchange_answer("webex-messaging", Ok(webex), &["canary-refresh"])),
            "Webex token refresh failed (HTTP 400): no such token ***. Reconnect the Webex channel connection."
        );
    }

    #[test]
    fn a_token_that_is_worth_nothing_counts_as_revoked() {
        let said = |body: Value| revoke_answer(Ok(Response::new(200, &[], body.to_string())));
        assert_eq!(said(json!({ "ok": true, "revoked": true })), Revoked::Confirmed);
        assert_eq!(
            said(json!({ "ok": false, "error": "invalid_auth" })),
            Revoked::Confirmed
        );
        assert_eq!(said(json!({ "ok": false, "error": "token_expired" })), Revoked::Expired);
        assert!(matches!(
            said(json!({ "ok": false, "error": "ratelimited" })),
            Revoked::Later { .. }
        ));
        assert!(matches!(
            revoke_answer(Ok(Response::new(500, &[], ""))),
            Revoked::Later { .. }
        ));
    }
}
