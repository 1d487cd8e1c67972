//! Slack's OAuth v2. Sources: docs.slack.dev, "Installing with OAuth", "Using PKCE", `oauth.v2.access`, and "Sample
//! payloads" of organization-wide apps.

use serde_json::Value;
use url::Url;

use super::{App, Ask, address, basic, code, rest, seconds, text};
use crate::chat::BaseUrls;
use crate::transport::{Request, Response};

/// What a connection asks for unless the caller says otherwise.
pub const BOT_SCOPES: [&str; 6] = [
    "chat:write",
    "chat:write.public",
    "channels:read",
    "groups:read",
    "users:read",
    "users:read.email",
];
/// What the linking of a user asks for unless the caller says otherwise.
pub const USER_SCOPES: [&str; 1] = ["identity.basic"];

/// For whom scopes are asked.
#[derive(Clone, Copy)]
pub enum Scopes<'a> {
    /// The app's bot.
    Bot(&'a [String]),
    /// The person who consents.
    User(&'a [String]),
}

/// Where the customer consents. `team` is preselected there.
pub fn authorize(bases: &BaseUrls, ask: Ask<'_>, scopes: Scopes<'_>, team: Option<&str>) -> Result<Url, String> {
    let (name, scopes) = match scopes {
        Scopes::Bot(scopes) => ("scope", scopes.join(",")),
        Scopes::User(scopes) => ("user_scope", scopes.join(",")),
    };
    let mut query = vec![
        ("state", ask.state),
        ("client_id", ask.app.client_id),
        ("redirect_uri", ask.app.redirect),
        (name, &scopes),
    ];
    if let Some(team) = team {
        query.push(("team", team));
    }
    if let Some(challenge) = ask.challenge {
        query.extend([("code_challenge", challenge), ("code_challenge_method", "S256")]);
    }
    address(bases, "slack", "https://slack.com/oauth/v2/authorize", &query)
}

/// Exchanges a code.
pub fn exchange(bases: &BaseUrls, app: App<'_>, given: &str, verifier: Option<&str>) -> Result<Request, String> {
    let url = address(bases, "slack", "https://slack.com/api/oauth.v2.access", &[])?;
    let mut form = vec![("code", given), ("redirect_uri", app.redirect)];
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    let mut request = Request::post_form(url, &form);
    basic(&mut request, app.client_id, app.secret);
    Ok(request)
}

/// What Slack answered to a code.
pub struct Installed {
    /// The bot's token; absent when only a person's scopes were asked for.
    pub access_token: Option<String>,
    /// With token rotation.
    pub refresh_token: Option<String>,
    /// Seconds until the access token ends, with token rotation.
    pub expires_in: Option<u64>,
    /// What was granted to the bot.
    pub scopes: Option<Vec<String>>,
    /// The workspace; of an organization-wide installation the enterprise.
    pub workspace: Option<(String, Option<String>)>,
    /// The person who consented.
    pub user_id: Option<String>,
    /// The incoming webhook that the person chose a channel for.
    pub webhook_url: Option<String>,
    /// Everything else.
    pub details: Value,
}

/// Reads the answer; an error is a sentence.
pub fn read(response: &Response) -> Result<Installed, String> {
    let answer = response
        .json()
        .filter(Value::is_object)
        .ok_or_else(|| format!("Slack answered with status {} and no JSON", response.status))?;
    if answer.get("ok") != Some(&Value::Bool(true)) {
        return Err(refusal(&answer));
    }
    let named = |member: &str| {
        let id = text(&answer, &format!("/{member}/id"))?;
        Some((id, text(&answer, &format!("/{member}/name"))))
    };
    Ok(Installed {
        access_token: text(&answer, "/access_token"),
        refresh_token: text(&answer, "/refresh_token"),
        expires_in: seconds(&answer, "expires_in"),
        scopes: text(&answer, "/scope").map(|scopes| {
            let scopes = scopes.split(|c: char| c == ',' || c.is_whitespace());
            scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        }),
        // Of an organization-wide installation `team` is null.
        workspace: named("team").or_else(|| named("enterprise")),
        user_id: text(&answer, "/authed_user/id"),
        webhook_url: text(&answer, "/incoming_webhook/url"),
        details: rest(answer, &["ok", "access_token", "refresh_token", "expires_in"]),
    })
}

fn refusal(answer: &Value) -> String {
    let mut sentence = format!(
        "Slack OAuth error: {}",
        code(answer.get("error").and_then(Value::as_str).unwrap_or_default())
    );
    let messages = answer.pointer("/response_metadata/messages").and_then(Value::as_array);
    let messages: Vec<&str> = messages.into_iter().flatten().filter_map(Value::as_str).collect();
    if !messages.is_empty() {
        sentence.push_str(", metadata: ");
        sentence.push_str(&messages.join(", "));
    }
    sentence
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const APP: App<'_> = App {
        client_id: "1.2",
        secret: "s:e/c",
        redirect: "https://n.example/v1/integrations/chat/oauth/callback",
    };

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_consent_page_is_asked_for_as_slack_writes_it() {
        let ask = Ask {
            app: APP,
            state: "a.b",
            challenge: None,
        };
        let url = authorize(&BaseUrls::default(), ask, Scopes::Bot(&scopes(&BOT_SCOPES)), None).unwrap();
        assert_eq!(
            url.as_str(),
            "https://slack.com/oauth/v2/authorize?state=a.b&client_id=1.2&redirect_uri=https%3A%2F%2Fn.example%2Fv1\
             %2Fintegrations%2Fchat%2Foauth%2Fcallback&scope=chat%3Awrite%2Cchat%3Awrite.public%2Cchannels%3Aread\
             %2Cgroups%3Aread%2Cusers%3Aread%2Cusers%3Aread.email"
        );
        let ask = Ask {
            challenge: Some("xyz"),
            ..ask
        };
        let user = scopes(&USER_SCOPES);
        let url = authorize(&BaseUrls::default(), ask, Scopes::User(&user), Some("T1")).unwrap();
        let query = url.query().unwrap();
        assert!(
            query.ends_with("&user_scope=identity.basic&team=T1&code_challenge=xyz&code_challenge_method=S256"),
            "{query}"
        );
        let none = authorize(&BaseUrls::default(), ask, Scopes::Bot(&[]), None).unwrap();
        assert!(
            none.query().unwrap().contains("&scope=&"),
            "an empty list asks for nothing"
        );
    }

    #[test]
    fn the_exchange_names_the_app_by_basic_authorization() {
        let request = exchange(&BaseUrls::default(), APP, "c o", Some("v")).unwrap();
        assert_eq!(request.url.as_str(), "https://slack.com/api/oauth.v2.access");
        // 1.2:s%3Ae%2Fc
        assert_eq!(request.header("authorization"), Some("Basic MS4yOnMlM0FlJTJGYw=="));
        let body = String::from_utf8_lossy(&request.body);
        assert!(
            body.starts_with("code=c+o&redirect_uri=https%3A%2F%2Fn.example"),
            "{body}"
        );
        assert!(body.ends_with("&code_verifier=v") && !body.contains("secret"), "{body}");
    }

    fn answer(value: &Value) -> Result<Installed, String> {
        read(&Response::new(200, &[], value.to_string()))
    }

    #[test]
    fn all_of_the_answer_is_kept() {
        let installed = answer(&json!({
            "ok": true, "access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1", "expires_in": 43200,
            "scope": "chat:write,channels:read", "bot_user_id": "U0", "app_id": "A1", "token_type": "bot",
            "team": { "id": "T1", "name": "Acme" }, "enterprise": { "id": "E1", "name": "Group" },
            "is_enterprise_install": false,
            "authed_user": { "id": "U1", "scope": "identity.basic", "access_token": "xoxp-1" },
        }))
        .ok()
        .unwrap();
        assert_eq!(installed.workspace, Some(("T1".to_owned(), Some("Acme".to_owned()))));
        assert_eq!(installed.access_token.as_deref(), Some("xoxe.xoxb-1"));
        assert_eq!(installed.expires_in, Some(43200));
        assert_eq!(installed.scopes, Some(scopes(&["chat:write", "channels:read"])));
        assert_eq!(installed.user_id.as_deref(), Some("U1"));
        assert_eq!(installed.details["bot_user_id"], "U0");
        assert_eq!(installed.details["authed_user"]["access_token"], "xoxp-1");
        assert_eq!(installed.details.get("access_token"), None);
    }

    #[test]
    fn an_organization_wide_installation_is_the_enterprises() {
        let installed = answer(&json!({
            "ok": true, "access_token": "xoxb-1", "team": null, "enterprise": { "id": "E1", "name": "Starship" },
            "is_enterprise_install": true, "authed_user": { "id": "W1" },
        }));
        let installed = installed.ok().unwrap();
        assert_eq!(
            installed.workspace,
            Some(("E1".to_owned(), Some("Starship".to_owned())))
        );
    }

    #[test]
    fn refusals_are_told_in_slacks_words() {
        for (given, expected) in [
            (
                json!({ "ok": false, "error": "invalid_code" }),
                "Slack OAuth error: invalid_code",
            ),
            (
                json!({ "ok": false, "error": "e", "response_metadata": { "messages": ["a", "b"] } }),
                "Slack OAuth error: e, metadata: a, b",
            ),
            (
                json!({ "ok": false, "error": "<b>" }),
                "Slack OAuth error: unknown_error",
            ),
        ] {
            assert_eq!(answer(&given).err().as_deref(), Some(expected));
        }
        let page = read(&Response::new(502, &[], "<html>"));
        assert_eq!(
            page.err().as_deref(),
            Some("Slack answered with status 502 and no JSON")
        );
    }
}
