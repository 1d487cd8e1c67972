//! Consent at Microsoft: an administrator's for the tenant, and a person's sign-in by which we learn who they are; and
//! the installation of the app for that person. Sources: learn.microsoft.com, "Admin consent on the Microsoft identity
//! platform", "OAuth 2.0 authorization code flow", "ID token claims reference", "Install app for user".

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{App, Ask, address, code, text};
use crate::chat::BaseUrls;
use crate::transport::{Request, Response, Secretish};

const SIGN_IN: &str = "openid profile User.Read";
const LOGIN: &str = "msteams/login";
const GRAPH: &str = "msteams/graph";

/// Whether this can stand in a path as a tenant: its id or one of its domains.
pub fn is_tenant(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && !text.starts_with('.')
}

/// Where an administrator consents for their tenant.
pub fn admin_consent(bases: &BaseUrls, ask: Ask<'_>) -> Result<Url, String> {
    let query = [
        ("client_id", ask.app.client_id),
        ("redirect_uri", ask.app.redirect),
        ("scope", "https://graph.microsoft.com/.default"),
        ("state", ask.state),
    ];
    let url = "https://login.microsoftonline.com/organizations/v2.0/adminconsent";
    address(bases, LOGIN, url, &query)
}

/// Where a person signs in.
pub fn sign_in(bases: &BaseUrls, ask: Ask<'_>, tenant: &str) -> Result<Url, String> {
    let query = [
        ("client_id", ask.app.client_id),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("redirect_uri", ask.app.redirect),
        ("scope", SIGN_IN),
        ("state", ask.state),
    ];
    address(bases, LOGIN, &login(tenant, "authorize")?, &query)
}

/// Exchanges the code of a sign-in.
pub fn exchange(bases: &BaseUrls, app: App<'_>, tenant: &str, given: &str) -> Result<Request, String> {
    let url = address(bases, LOGIN, &login(tenant, "token")?, &[])?;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id),
        ("client_secret", app.secret),
        ("code", given),
        ("redirect_uri", app.redirect),
        ("scope", SIGN_IN),
    ];
    Ok(Request::post_form(url, &form))
}

fn login(tenant: &str, what: &str) -> Result<String, String> {
    if !is_tenant(tenant) {
        return Err("The tenantId of the MS Teams integration is not one that Microsoft knows".to_owned());
    }
    Ok(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{what}"))
}

/// The person's object id, from the answer to their code. The token comes from Microsoft itself over TLS, so its
/// signature tells nothing more (OpenID Connect Core, 3.1.3.7).
pub fn person(response: &Response) -> Result<String, String> {
    let answer = response.json().unwrap_or_default();
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(format!("MS Teams OAuth error: {}", code(error)));
    }
    let token = text(&answer, "/id_token").ok_or("MS Teams OAuth response missing id_token")?;
    let claims = token.split('.').nth(1).and_then(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let claims = claims.ok_or("Failed to decode MS Teams id_token")?;
    let person = text(&claims, "/oid").filter(|oid| is_tenant(oid));
    person.ok_or_else(|| "MS Teams id_token missing oid claim — ensure the Azure app is single-tenant".to_owned())
}

/// Looks the app up in the organization's catalogue.
pub fn find_app(bases: &BaseUrls, token: &str, client_id: &str) -> Result<Request, String> {
    let filter = format!(
        "externalId eq '{}' and distributionMethod eq 'organization'",
        client_id.replace('\'', "''")
    );
    let url = "https://graph.microsoft.com/v1.0/appCatalogs/teamsApps";
    let url = address(bases, GRAPH, url, &[("$filter", &filter)])?;
    Ok(bearer(Request::new(Method::GET, url), token))
}

/// The id of the app in the catalogue.
pub fn found_app(response: &Response) -> Result<String, String> {
    if response.status == 403 {
        return Err(
            "Microsoft Graph refused to list the Teams app catalog. Grant the application permissions \
                    AppCatalog.Read.All and TeamsAppInstallation.ReadWriteSelfForUser.All with admin consent, then try \
                    again."
                .to_owned(),
        );
    }
    if !response.is_success() {
        return Err(graph_refusal("The Teams app catalog could not be read", response));
    }
    text(&response.json().unwrap_or_default(), "/value/0/id").ok_or_else(|| {
        "MS Teams app not found in your organization catalog. Upload the app package in the Teams admin center, then try \
         again."
            .to_owned()
    })
}

/// Installs the app for a person.
pub fn install(bases: &BaseUrls, token: &str, person: &str, app: &str) -> Result<Request, String> {
    let url = format!("https://graph.microsoft.com/v1.0/users/{person}/teamwork/installedApps");
    let url = address(bases, GRAPH, &url, &[])?;
    // What names the app in the body is Microsoft's own address, whatever host is called.
    let app = format!("https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/{app}");
    let body = json!({ "teamsApp@odata.bind": app });
    Ok(bearer(Request::post_json(url, body.to_string()), token))
}

/// Whether the app is there for the person now.
pub fn installed(response: &Response) -> Result<(), String> {
    match response.status {
        // 409: it was there before.
        200..=299 | 409 => Ok(()),
        403 => Err(
            "Microsoft Graph refused to install the Teams app. Grant the application permission \
                    TeamsAppInstallation.ReadWriteSelfForUser.All with admin consent, then try again."
                .to_owned(),
        ),
        404 => Err("MS Teams user or app not found in this tenant.".to_owned()),
        _ => Err(graph_refusal("The Teams app could not be installed", response)),
    }
}

fn graph_refusal(what: &str, response: &Response) -> String {
    let answer = response.json().unwrap_or_default();
    let error = text(&answer, "/error/code").unwrap_or_default();
    format!(
        "{what}: Microsoft Graph answered {} ({})",
        response.status,
        code(&error)
    )
}

fn bearer(mut request: Request, token: &str) -> Request {
    request.set_header("authorization", Secretish::Secret(format!("Bearer {token}")));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: App<'_> = App {
        client_id: "c1",
        secret: "s1",
        redirect: "https://n.example/cb",
    };
    const ASK: Ask<'_> = Ask {
        app: APP,
        state: "st",
        challenge: None,
    };

    fn token(claims: &Value) -> Response {
        let part = URL_SAFE_NO_PAD.encode(claims.to_string());
        Response::new(200, &[], json!({ "id_token": format!("e30.{part}.x") }).to_string())
    }

    #[test]
    fn consent_and_sign_in_are_asked_for_as_microsoft_writes_them() {
        let bases = BaseUrls::default();
        assert_eq!(
            admin_consent(&bases, ASK).unwrap().as_str(),
            "https://login.microsoftonline.com/organizations/v2.0/adminconsent?client_id=c1&redirect_uri=https%3A%2F%2Fn.example%2Fcb&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&state=st"
        );
        assert_eq!(
            sign_in(&bases, ASK, "t-1").unwrap().as_str(),
            "https://login.microsoftonline.com/t-1/oauth2/v2.0/authorize?client_id=c1&response_type=code&response_mode=query&redirect_uri=https%3A%2F%2Fn.example%2Fcb&scope=openid+profile+User.Read&state=st"
        );
        for tenant in ["", "../x", "a/b", "a b", ".."] {
            assert!(sign_in(&bases, ASK, tenant).is_err(), "{tenant}");
            assert!(exchange(&bases, APP, tenant, "c").is_err(), "{tenant}");
        }
    }

    #[test]
    fn a_person_is_known_by_their_object_id() {
        assert_eq!(person(&token(&json!({ "oid": "u-1" }))).as_deref(), Ok("u-1"));
        let missing = person(&token(&json!({ "sub": "x" }))).unwrap_err();
        assert!(missing.contains("missing oid claim"), "{missing}");
        assert!(
            person(&token(&json!({ "oid": "../me" }))).is_err(),
            "it will stand in a path"
        );
        let none = person(&Response::new(200, &[], "{}")).unwrap_err();
        assert_eq!(none, "MS Teams OAuth response missing id_token");
        let broken = Response::new(200, &[], json!({ "id_token": "x" }).to_string());
        assert_eq!(person(&broken).unwrap_err(), "Failed to decode MS Teams id_token");
        let refused = Response::new(400, &[], json!({ "error": "invalid_grant" }).to_string());
        assert_eq!(person(&refused).unwrap_err(), "MS Teams OAuth error: invalid_grant");
    }

    #[test]
    fn what_graph_answers_is_told_with_the_way_out() {
        let answer = |status, body: &str| Response::new(status, &[], body.to_owned());
        assert_eq!(
            found_app(&answer(200, r#"{"value":[{"id":"a"},{"id":"b"}]}"#)).as_deref(),
            Ok("a")
        );
        for (status, body, part) in [
            (403, "{}", "AppCatalog.Read.All"),
            (200, r#"{"value":[]}"#, "app not found in your organization catalog"),
            (500, r#"{"error":{"code":"x"}}"#, "answered 500 (x)"),
        ] {
            let text = found_app(&answer(status, body)).unwrap_err();
            assert!(text.contains(part), "{text}");
        }
        assert!(installed(&answer(201, "")).is_ok() && installed(&answer(409, "")).is_ok());
        let refused = installed(&answer(403, "")).unwrap_err();
        assert!(
            refused.contains("TeamsAppInstallation.ReadWriteSelfForUser.All"),
            "{refused}"
        );
        assert!(
            installed(&answer(404, ""))
                .unwrap_err()
                .contains("user or app not found")
        );
    }

    #[test]
    fn the_catalogue_is_searched_for_the_app_alone() {
        let request = find_app(&BaseUrls::default(), "t", "a'b").unwrap();
        let pairs: Vec<_> = request.url.query_pairs().collect();
        assert_eq!(
            pairs[0].1,
            "externalId eq 'a''b' and distributionMethod eq 'organization'"
        );
        let request = install(&BaseUrls::default(), "t", "u", "app").unwrap();
        assert_eq!(
            request.url.as_str(),
            "https://graph.microsoft.com/v1.0/users/u/teamwork/installedApps"
        );
        assert_eq!(request.header("authorization"), Some("Bearer t"));
    }
}
