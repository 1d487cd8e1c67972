//! Webex's OAuth. Sources: developer.webex.com, "Integrations & Authorization", "Login with Webex" (PKCE), and "Get My
//! Own Details" of the people API.

use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{App, Ask, address, code, rest, seconds, text};
use crate::chat::BaseUrls;
use crate::transport::{Request, Response, Secretish};

/// What a connection asks for unless the caller says otherwise.
pub const SCOPES: [&str; 5] = [
    "spark:messages_write",
    "spark:rooms_read",
    "spark:people_read",
    "spark:memberships_read",
    "spark:kms",
];
/// What the linking of a person asks for unless the caller says otherwise.
pub const PERSON_SCOPES: [&str; 1] = ["spark:people_read"];

const ID: &str = "webex-messaging";

/// Where the customer consents.
pub fn authorize(bases: &BaseUrls, ask: Ask<'_>, scopes: &[String]) -> Result<Url, String> {
    let scopes = scopes.join(" ");
    let mut query = vec![
        ("state", ask.state),
        ("client_id", ask.app.client_id),
        ("response_type", "code"),
        ("redirect_uri", ask.app.redirect),
        ("scope", &scopes),
    ];
    if let Some(challenge) = ask.challenge {
        query.extend([("code_challenge", challenge), ("code_challenge_method", "S256")]);
    }
    address(bases, ID, "https://webexapis.com/v1/authorize", &query)
}

/// Exchanges a code.
pub fn exchange(bases: &BaseUrls, app: App<'_>, given: &str, verifier: &str) -> Result<Request, String> {
    let url = address(bases, ID, "https://webexapis.com/v1/access_token", &[])?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", given),
        ("client_id", app.client_id),
        ("client_secret", app.secret),
        ("redirect_uri", app.redirect),
        ("code_verifier", verifier),
    ];
    Ok(Request::post_form(url, &form))
}

/// The tokens of a consent.
pub struct Issued {
    /// What calls are made with.
    pub access_token: String,
    /// What the next one is fetched with.
    pub refresh_token: Option<String>,
    /// Seconds until the access token ends.
    pub expires_in: Option<u64>,
    /// Seconds until the refresh token ends.
    pub refresh_token_expires_in: Option<u64>,
    /// What was consented to, where Webex tells.
    pub scopes: Option<Vec<String>>,
    /// Everything else.
    pub details: Value,
}

/// Reads the answer to a code; an error is a sentence.
pub fn issued(response: &Response) -> Result<Issued, String> {
    let answer = response.json().unwrap_or_default();
    if !response.is_success() {
        let error = text(&answer, "/error").unwrap_or_default();
        return Err(format!(
            "Webex OAuth error: {} (HTTP {})",
            code(&error),
            response.status
        ));
    }
    Ok(Issued {
        access_token: text(&answer, "/access_token").ok_or("Webex OAuth response did not include an access token")?,
        refresh_token: text(&answer, "/refresh_token"),
        expires_in: seconds(&answer, "expires_in"),
        refresh_token_expires_in: seconds(&answer, "refresh_token_expires_in"),
        scopes: text(&answer, "/scope").map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        details: rest(
            answer,
            &[
                "access_token",
                "refresh_token",
                "expires_in",
                "refresh_token_expires_in",
            ],
        ),
    })
}

/// Asks who consented. `base` is the integration's own address of the API, if it has one.
pub fn me(bases: &BaseUrls, base: Option<&Url>, token: &str) -> Result<Request, String> {
    let url = match base {
        Some(base) => {
            let mut url = base.clone();
            let path = format!("{}/people/me", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        }
        None => address(bases, ID, "https://webexapis.com/v1/people/me", &[])?,
    };
    let mut request = Request::new(Method::GET, url);
    request.set_header("authorization", Secretish::Secret(format!("Bearer {token}")));
    Ok(request)
}

/// Who consented.
pub struct Person {
    /// The address of an endpoint: `{personId}`, or `{personEmail}` where Webex hides the id.
    pub address: Option<Value>,
    /// The organisation, else the person.
    pub workspace: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Everything that was answered.
    pub details: Value,
}

/// Reads who consented; an error is a sentence.
pub fn person(response: &Response) -> Result<Person, String> {
    let answer = response.json().filter(Value::is_object);
    let Some(answer) = answer.filter(|_| response.is_success()) else {
        return Err(format!("Webex did not say who consented (HTTP {})", response.status));
    };
    let (id, email) = (text(&answer, "/id"), text(&answer, "/emails/0"));
    let by_id = id.as_ref().map(|id| json!({ "personId": id }));
    Ok(Person {
        address: by_id.or_else(|| email.as_ref().map(|email| json!({ "personEmail": email }))),
        workspace: text(&answer, "/orgId").or(id),
        name: text(&answer, "/displayName").or(email),
        details: answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: App<'_> = App {
        client_id: "c1",
        secret: "s1",
        redirect: "https://n.example/cb",
    };

    #[test]
    fn consent_is_asked_for_with_a_challenge() {
        let ask = Ask {
            app: APP,
            state: "st",
            challenge: Some("xyz"),
        };
        let scopes = SCOPES.map(str::to_owned);
        assert_eq!(
            authorize(&BaseUrls::default(), ask, &scopes).unwrap().as_str(),
            "https://webexapis.com/v1/authorize?state=st&client_id=c1&response_type=code&redirect_uri=https%3A%2F%2Fn.example%2Fcb&scope=spark%3Amessages_write+spark%3Arooms_read+spark%3Apeople_read+spark%3Amemberships_read+spark%3Akms&code_challenge=xyz&code_challenge_method=S256"
        );
        let request = exchange(&BaseUrls::default(), APP, "co", "v").unwrap();
        assert_eq!(request.url.as_str(), "https://webexapis.com/v1/access_token");
        assert!(String::from_utf8_lossy(&request.body).ends_with("&code_verifier=v"));
    }

    #[test]
    fn who_consented_is_asked_where_the_integration_says() {
        let url = |base: Option<&str>| {
            let base = base.map(|base| Url::parse(base).unwrap());
            me(&BaseUrls::default(), base.as_ref(), "t").unwrap().url.to_string()
        };
        assert_eq!(url(None), "https://webexapis.com/v1/people/me");
        assert_eq!(url(Some("https://gov.example/v1/")), "https://gov.example/v1/people/me");
    }

    #[test]
    fn a_person_stands_for_their_organisation() {
        let read = |value: Value| person(&Response::new(200, &[], value.to_string())).ok().unwrap();
        let whole = read(json!({ "id": "p", "orgId": "o", "displayName": "Ann", "emails": ["a@x"] }));
        assert_eq!(
            (whole.workspace.as_deref(), whole.name.as_deref()),
            (Some("o"), Some("Ann"))
        );
        assert_eq!(whole.address, Some(json!({ "personId": "p" })));
        let hidden = read(json!({ "emails": ["a@x"] }));
        assert_eq!((hidden.workspace, hidden.name.as_deref()), (None, Some("a@x")));
        assert_eq!(hidden.address, Some(json!({ "personEmail": "a@x" })));
        assert!(person(&Response::new(401, &[], "{}")).is_err());
    }

    #[test]
    fn tokens_and_refusals_are_read() {
        let read = |status, value: Value| issued(&Response::new(status, &[], value.to_string()));
        let tokens = read(
            200,
            json!({ "access_token": "a", "refresh_token": "r", "expires_in": 1_209_599, "refresh_token_expires_in": 7_776_000, "token_type": "Bearer" }),
        );
        let tokens = tokens.ok().unwrap();
        assert_eq!(
            (tokens.expires_in, tokens.refresh_token_expires_in),
            (Some(1_209_599), Some(7_776_000))
        );
        assert_eq!(tokens.details, json!({ "token_type": "Bearer" }));
        assert_eq!(
            read(200, json!({})).err().as_deref(),
            Some("Webex OAuth response did not include an access token")
        );
        assert_eq!(
            read(400, json!({ "error": "invalid_grant" })).err().as_deref(),
            Some("Webex OAuth error: invalid_grant (HTTP 400)")
        );
    }
}
