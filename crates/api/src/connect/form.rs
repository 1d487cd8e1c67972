//! Forms of the hosted pages: each carries a key that only its own page knows, and is taken only from that page.

use axum::http::{HeaderMap, header};
use campanile_store::Secrets;
use serde_json::Value;
use url::Url;

use super::html::Html;
use super::visit::{Stop, Visit};
use crate::call::Call;

const PURPOSE: &str = "connect page form";

/// The beginning of a form that posts to `action` of the visitor's link.
pub(super) fn open(secrets: &Secrets, visit: &Visit, action: &'static str) -> Html {
    Html::new()
        .raw("<form method=\"post\" action=\"")
        .text(&visit.path)
        .raw("/")
        .raw(action)
        .raw("\"><input type=\"hidden\" name=\"form\" value=\"")
        .text(key(secrets, &visit.token, action))
        .raw("\">")
}

fn key(secrets: &Secrets, token: &str, action: &str) -> String {
    secrets.lookup_hash(PURPOSE, &format!("{action} {token}"))
}

/// Refuses a form that our page has not made, or that another site sent.
pub(super) fn check(call: &Call, action: &str) -> Result<Value, Stop> {
    let connect = call.app.connect();
    let form = call.form();
    let given = form.get("form").and_then(Value::as_str).unwrap_or_default();
    let secrets = connect.store().secrets();
    let named = format!("{action} {}", call.parameter("token"));
    let ours = is_from_our_page(&call.headers, connect.settings().public_url.as_ref());
    if ours && secrets.hash_matches(PURPOSE, &named, given) {
        Ok(form)
    } else {
        Err(Stop::Form)
    }
}

/// Whether the browser says that a page of this origin sent the form. Pages that forbid referrers have `null` for their
/// origin when they send one.
fn is_from_our_page(headers: &HeaderMap, public_url: Option<&Url>) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin";
    }
    match header(header::ORIGIN.as_str()) {
        None | Some("null") => true,
        Some(origin) => public_url.is_some_and(|url| url.origin().ascii_serialization() == origin),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn other_sites_send_no_forms() {
        let url: Url = "https://notify.example/base/".parse().unwrap();
        for (site, origin, expected) in [
            (None, None, true),
            (Some("same-origin"), Some("null"), true),
            (Some("cross-site"), Some("null"), false),
            (Some("same-site"), Some("https://notify.example"), false),
            (Some("none"), None, false),
            (None, Some("https://notify.example"), true),
            (None, Some("https://evil.example"), false),
            (None, Some("http://notify.example"), false),
        ] {
            let given = [("sec-fetch-site", site), ("origin", origin)];
            let headers = given
                .into_iter()
                .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_static(value?))));
            let headers: HeaderMap = headers.collect();
            assert_eq!(is_from_our_page(&headers, Some(&url)), expected, "{site:?} {origin:?}");
        }
    }

    #[test]
    fn a_form_is_good_for_one_action_of_one_link() {
        let secrets = Secrets::new(&[7; 32]).unwrap();
        let pick = key(&secrets, "token", "pick");
        assert_ne!(pick, key(&secrets, "token", "disconnect"));
        assert_ne!(pick, key(&secrets, "other", "pick"));
    }
}
