//! Asking a vendor whether a token still works. Sources: docs.slack.dev, `auth.test` and "OAuth scopes";
//! developer.webex.com, "Get My Own Details".

use url::Url;

use crate::chat::{BaseUrls, slack_answer, unanswered_call};
use crate::outcome::{Failure, Health, Level};
use crate::transport::{Request, Response, Secretish, TransportError, Trust};

const SLACK: &str = "https://slack.com/api/auth.test";
const WEBEX: &str = "https://webexapis.com/v1/people/me";

/// What the vendor says of a token that works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Works {
    /// What it may do, where the vendor tells.
    pub scopes: Option<Vec<String>>,
}

/// Whether there is a call that tells how a token of this provider stands.
pub fn can_ask(provider_id: &str) -> bool {
    matches!(provider_id, "slack" | "novu-slack" | "webex-messaging")
}

/// The call, and who chose its address. `base_url` is the integration's own address of the vendor.
pub fn ask(
    bases: &BaseUrls,
    provider_id: &str,
    base_url: Option<&str>,
    token: &str,
) -> Result<(Request, Trust), Failure> {
    let unfit = |what: &str| Failure::new(Level::Integration, "invalid_url", format!("{what} is not a valid URL."));
    let (mut request, trust) = match (provider_id, base_url) {
        ("webex-messaging", Some(base)) => {
            let url = Url::parse(&format!("{}/people/me", base.trim_end_matches('/')))
                .map_err(|_| unfit("The integration's base URL"))?;
            (Request::get(url), Trust::Customer)
        }
        ("webex-messaging", None) => {
            let url = Url::parse(WEBEX).map_err(|_| unfit("Webex's address"))?;
            (Request::get(bases.of_vendor(provider_id, &url)), Trust::Operator)
        }
        _ => {
            let url = Url::parse(SLACK).map_err(|_| unfit("Slack's address"))?;
            let url = bases.of_vendor(provider_id, &url);
            (Request::post_form(url, &[]), Trust::Operator)
        }
    };
    let header = format!("Bearer {}", token.trim());
    if token.trim().is_empty() || http::HeaderValue::try_from(&header).is_err() {
        let message = "The stored token is empty or has characters that no token has: connect again.";
        return Err(Failure::new(Level::Grant, "invalid_auth", message).health(Health::NeedsReauth));
    }
    request.set_header("authorization", Secretish::Secret(header));
    Ok((request, trust))
}

/// Reads the answer.
pub fn read(provider_id: &str, answer: Result<Response, TransportError>) -> Result<Works, Failure> {
    let response = answer.map_err(|error| unanswered_call(&error))?;
    if provider_id == "webex-messaging" {
        return webex(&response);
    }
    match slack_answer(&response) {
        Ok(_) => Ok(Works {
            scopes: response.header("x-oauth-scopes").map(listed),
        }),
        Err(refusal) => Err(refusal
            .failure()
            .cloned()
            .unwrap_or_else(|| Failure::new(Level::Network, "no_answer", "Slack's answer says neither yes nor no."))),
    }
}

/// `chat:write,channels:read`, with or without blanks.
fn listed(scopes: &str) -> Vec<String> {
    let scopes = scopes.split([',', ' ']).filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}

fn webex(response: &Response) -> Result<Works, Failure> {
    let code = format!("http_{}", response.status);
    let failure = |level, message: &str| Failure::new(level, code.clone(), message).status(response.status);
    match response.status {
        200..300 => Ok(Works::default()),
        401 => Err(failure(
            Level::Grant,
            "Webex no longer accepts the token of this organisation (`401`). It must be connected again.",
        )
        .health(Health::NeedsReauth)),
        403 => Err(failure(
            Level::Grant,
            "The app lacks a permission in this Webex organisation (`403`). Its customer must consent again.",
        )
        .health(Health::Degraded { missing_scope: None })),
        408 | 429 | 500.. => Err(failure(Level::Network, "Webex is busy or down.")),
        _ => Err(failure(
            Level::Integration,
            "What answered at Webex's address is not Webex's API.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slack(body: &str) -> Result<Works, Failure> {
        let headers = [("x-oauth-scopes", "chat:write, channels:read")];
        read("slack", Ok(Response::new(200, &headers, body.to_owned())))
    }

    #[test]
    fn slack_tells_its_scopes_in_a_header() {
        let works = slack(r#"{"ok":true,"team_id":"T1"}"#).unwrap();
        assert_eq!(works.scopes.unwrap(), ["chat:write", "channels:read"]);
    }

    #[test]
    fn every_refusal_is_of_one_level() {
        let table = [
            ("token_revoked", Level::Grant, Some(Health::Revoked)),
            ("account_inactive", Level::Grant, Some(Health::Revoked)),
            ("token_expired", Level::Grant, None),
            ("ratelimited", Level::Network, None),
            ("internal_error", Level::Network, None),
        ];
        for (code, level, health) in table {
            let failure = slack(&format!(r#"{{"ok":false,"error":"{code}"}}"#)).unwrap_err();
            assert_eq!((failure.level, failure.health), (level, health), "{code}");
        }
        for (status, level, health) in [
            (401, Level::Grant, Some(Health::NeedsReauth)),
            (403, Level::Grant, Some(Health::Degraded { missing_scope: None })),
            (429, Level::Network, None),
            (502, Level::Network, None),
            (404, Level::Integration, None),
        ] {
            let failure = read("webex-messaging", Ok(Response::new(status, &[], "{}"))).unwrap_err();
            assert_eq!((failure.level, failure.health), (level, health), "{status}");
        }
        let lost = read("slack", Err(TransportError::Unknown("timed out".to_owned()))).unwrap_err();
        assert_eq!(lost.level, Level::Network);
    }

    #[test]
    fn the_integrations_own_address_is_guarded() {
        let bases = BaseUrls::default();
        let (request, trust) = ask(&bases, "webex-messaging", Some("https://webex.example/v1/"), "t").unwrap();
        assert_eq!(request.url.as_str(), "https://webex.example/v1/people/me");
        assert_eq!(trust, Trust::Customer);
        let (request, trust) = ask(&bases, "slack", None, "t").unwrap();
        assert_eq!((request.url.as_str(), trust), (SLACK, Trust::Operator));
        assert!(ask(&bases, "slack", None, "a\nb").is_err() && ask(&bases, "slack", None, " ").is_err());
    }
}
