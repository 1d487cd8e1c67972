//! Tokens of the Microsoft identity platform for an app itself, by its client secret.
//! Source: learn.microsoft.com, "OAuth 2.0 client credentials flow" and "Microsoft Entra authentication error codes".

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::chat::BaseUrls;
use crate::outcome::{Failure, Health, Level};
use crate::transport::{Request, Response, TransportError};

const LOGIN: &str = "https://login.microsoftonline.com";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Microsoft Graph.
    Graph,
    /// The Bot Connector.
    Bot,
}

impl Audience {
    /// The scope that asks for it.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Graph => "https://graph.microsoft.com/.default",
            Self::Bot => "https://api.botframework.com/.default",
        }
    }
}

/// An app at Microsoft and the tenant whose token is asked for.
#[derive(Clone, Copy)]
pub struct App<'a> {
    pub client_id: &'a str,
    pub secret: &'a str,
    pub tenant: &'a str,
    /// Whether `tenant` is a customer's: that the app is unknown there then is the customer's doing.
    pub foreign: bool,
}

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub access_token: String,
    pub expires_in: Duration,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a token for {:?}", self.expires_in)
    }
}

/// Asks for a token. It goes to the vendor or the operator's base "msteams/login".
pub fn token_request(bases: &BaseUrls, app: App<'_>, audience: Audience) -> Result<Request, Failure> {
    let unfit = |what: &str| {
        let message = format!("The {what} of the MS Teams integration is not one that Microsoft knows.");
        Failure::new(Level::Integration, "msteams_credentials_invalid", message)
    };
    // The tenant becomes a part of the path: an id or a domain, nothing that could lead elsewhere.
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    if !plain(app.tenant) {
        return Err(unfit("tenant id"));
    }
    let url = Url::parse(&format!("{LOGIN}/{}/oauth2/v2.0/token", app.tenant)).map_err(|_| unfit("tenant id"))?;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", app.client_id),
        ("client_secret", app.secret),
        ("scope", audience.scope()),
    ];
    Ok(Request::post_form(bases.of_vendor("msteams/login", &url), &fields))
}

/// Reads the answer. A failure of level `Network` passes; of `Integration`, the app's own settings are wrong; of
/// `Grant`, the customer's tenant does not know the app.
pub fn token(app: App<'_>, answer: Result<Response, TransportError>) -> Result<Token, Failure> {
    let response = answer.map_err(|error| {
        let message = format!("Microsoft's login could not be reached: {error}.");
        Failure::new(Level::Network, "login_unreachable", message)
    })?;
    let body = response.json().unwrap_or_default();
    if response.is_success()
        && let Some(access_token) = body["access_token"].as_str().filter(|token| usable(token))
    {
        return Ok(Token {
            access_token: access_token.to_owned(),
            expires_in: Duration::from_secs(seconds(&body["expires_in"]).unwrap_or(0)),
        });
    }
    Err(refusal(app, &response, &body))
}

fn usable(token: &str) -> bool {
    !token.is_empty() && http::HeaderValue::try_from(token).is_ok()
}

/// Some of Microsoft's older endpoints write numbers as texts.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn refusal(app: App<'_>, response: &Response, body: &Value) -> Failure {
    let error = body["error"].as_str().unwrap_or_default();
    let codes: Vec<u64> = body["error_codes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let code = codes
        .first()
        .map_or_else(|| format!("http_{}", response.status), |code| format!("AADSTS{code}"));
    let (level, message, health) = match codes.first().copied().unwrap_or(0) {
        _ if matches!(response.status, 408 | 429 | 500..) || error == "temporarily_unavailable" => (
            Level::Network,
            format!("Microsoft's login is busy or down (`{code}`)."),
            None,
        ),
        7_000_222 => (
            Level::Integration,
            format!(
                "The client secret of the MS Teams app has expired (`{code}`). Make a new one and set it as the integration's secret key."
            ),
            None,
        ),
        7_000_215 => (
            Level::Integration,
            format!(
                "Microsoft refuses the client secret of the MS Teams app (`{code}`). Set the secret's value, not its id, as the integration's secret key."
            ),
            None,
        ),
        700_016 | 7_000_229 | 90_002 | 900_023 | 7_000_112 if app.foreign => (
            Level::Grant,
            format!(
                "The MS Teams app is not known or not allowed in the customer's tenant (`{code}`). Its administrator must consent again."
            ),
            Some(Health::Revoked),
        ),
        700_016 | 7_000_229 => (
            Level::Integration,
            format!(
                "The MS Teams app does not exist in the integration's tenant (`{code}`). Check its client id and tenant id."
            ),
            None,
        ),
        90_002 | 900_023 => (
            Level::Integration,
            format!("The tenant of the MS Teams integration does not exist (`{code}`). Check its tenant id."),
            None,
        ),
        _ if response.is_success() => (
            Level::Network,
            "What answered at the address of Microsoft's login sent no token.".to_owned(),
            None,
        ),
        _ => (
            Level::Integration,
            format!("Microsoft's login refuses the MS Teams app (`{code}`)."),
            None,
        ),
    };
    // The description may repeat what was sent, so it is not kept.
    Failure::new(level, code, message)
        .status(response.status)
        .details(&json!({ "error": error, "codes": codes }))
        .health(health)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: App<'_> = App {
        client_id: "app-1",
        secret: "canary secret&",
        tenant: "72f988bf-86f1-41af-91ab-2d7cd011db47",
        foreign: false,
    };

    fn read(app: App<'_>, status: u16, body: &Value) -> Result<Token, Failure> {
        token(app, Ok(Response::new(status, &[], body.to_string())))
    }

    #[test]
    fn the_call_is_a_form_at_the_tenants_own_endpoint() {
        let mut bases = BaseUrls::default();
        let request = token_request(&bases, HOME, Audience::Bot).unwrap();
        assert_eq!(
            request.url.as_str(),
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/v2.0/token"
        );
        assert_eq!(request.content_type, Some("application/x-www-form-urlencoded"));
        assert_eq!(
            std::str::from_utf8(&request.body).unwrap(),
            "grant_type=client_credentials&client_id=app-1&client_secret=canary+secret%26\
             &scope=https%3A%2F%2Fapi.botframework.com%2F.default"
        );
        bases
            .set("msteams/login", "http://127.0.0.1:9".parse().unwrap())
            .unwrap();
        let moved = token_request(&bases, HOME, Audience::Graph).unwrap();
        assert_eq!(moved.url.host_str(), Some("127.0.0.1"));
        assert!(
            std::str::from_utf8(&moved.body)
                .unwrap()
                .ends_with("graph.microsoft.com%2F.default")
        );
    }

    #[test]
    fn a_tenant_cannot_lead_elsewhere() {
        let bases = BaseUrls::default();
        for tenant in ["", "..", "a/b", "a?b", "a#b", "%2e", "é"] {
            let failure = token_request(&bases, App { tenant, ..HOME }, Audience::Bot).unwrap_err();
            assert_eq!(failure.level, Level::Integration, "{tenant}");
        }
        assert!(
            token_request(
                &bases,
                App {
                    tenant: "contoso.onmicrosoft.com",
                    ..HOME
                },
                Audience::Bot
            )
            .is_ok()
        );
    }

    #[test]
    fn a_token_is_read_with_its_time() {
        let body = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0" });
        let read = read(HOME, 200, &body).unwrap();
        assert_eq!(
            (read.access_token.as_str(), read.expires_in),
            ("eyJ0", Duration::from_secs(3599))
        );
        assert!(!format!("{read:?}").contains("eyJ0"));
    }

    #[test]
    fn every_refusal_blames_one_level() {
        let foreign = App { foreign: true, ..HOME };
        let said = |error: &str, code: u64| json!({ "error": error, "error_description": format!("AADSTS{code}: canary"), "error_codes": [code] });
        for (app, status, body, expected) in [
            (
                HOME,
                401,
                said("invalid_client", 7_000_215),
                (Level::Integration, "AADSTS7000215", None),
            ),
            (
                HOME,
                401,
                said("invalid_client", 7_000_222),
                (Level::Integration, "AADSTS7000222", None),
            ),
            (
                HOME,
                400,
                said("unauthorized_client", 700_016),
                (Level::Integration, "AADSTS700016", None),
            ),
            (
                HOME,
                400,
                said("invalid_request", 90_002),
                (Level::Integration, "AADSTS90002", None),
            ),
            (
                foreign,
                400,
                said("unauthorized_client", 700_016),
                (Level::Grant, "AADSTS700016", Some(Health::Revoked)),
            ),
            (
                foreign,
                401,
                said("invalid_client", 7_000_215),
                (Level::Integration, "AADSTS7000215", None),
            ),
            (
                HOME,
                400,
                said("temporarily_unavailable", 90_033),
                (Level::Network, "AADSTS90033", None),
            ),
            (HOME, 503, json!("down"), (Level::Network, "http_503", None)),
            (HOME, 429, json!({}), (Level::Network, "http_429", None)),
            (HOME, 200, json!("<html>"), (Level::Network, "http_200", None)),
            (HOME, 404, json!({}), (Level::Integration, "http_404", None)),
        ] {
            let failure = read(app, status, &body).unwrap_err();
            assert_eq!(
                (failure.level, failure.code.as_str(), failure.health.clone()),
                expected,
                "{body}"
            );
            assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        }
        let lost = token(HOME, Err(TransportError::Unknown("timed out".to_owned()))).unwrap_err();
        assert_eq!(lost.level, Level::Network);
    }
}
