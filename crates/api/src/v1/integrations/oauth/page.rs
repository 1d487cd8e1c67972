//! The page at the end of a consent: plain HTML that a browser shows without scripts, in light and dark.

use crate::connect::html::escaped;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use campanile_connect::oauth::Page;
use campanile_model::{Error, Result};
use ring::digest;
use url::Url;

use crate::call::Reply;

const STYLE: &str = include_str!("page.css");
const DONE: &str = "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.2 14.4-4.2-4.2 1.7-1.7 2.5 2.5 5-5 1.7 1.7-6.7 6.7z";
const FAILED: &str = "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm1.2 15h-2.4v-2.4h2.4V17zm0-4.4h-2.4V7h2.4v5.6z";

/// A page as the answer to a call.
pub(super) fn reply(status: u16, page: &Page) -> Result<Reply> {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut headers = private();
    let policy = HeaderValue::from_str(&policy).map_err(Error::internal)?;
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(Reply {
        status,
        body: html(page),
        headers,
    })
}

/// 302 to another address.
pub(super) fn redirect(url: &Url) -> Result<Reply> {
    let mut headers = private();
    let address = HeaderValue::from_str(url.as_str()).map_err(Error::internal)?;
    headers.insert(header::LOCATION, address);
    Ok(Reply {
        status: 302,
        body: String::new(),
        headers,
    })
}

/// The address that was called holds a code and a state: it is neither kept nor told on.
fn private() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
}

fn html(page: &Page) -> String {
    let (title, state, mark) = if page.success {
        ("Connection complete", "success", DONE)
    } else {
        ("Connection failed", "error", FAILED)
    };
    let facts = page.facts.iter().fold(String::new(), |facts, (name, value)| {
        facts + "<dt>" + &escaped(name) + "</dt><dd>" + &escaped(value) + "</dd>"
    });
    let facts = if facts.is_empty() {
        facts
    } else {
        format!("<dl>{facts}</dl>\n")
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <main data-state=\"{state}\">\n\
         <svg class=\"mark\" viewBox=\"0 0 24 24\" fill=\"currentColor\" aria-hidden=\"true\"><path d=\"{mark}\"/></svg>\n\
         <h1>{}</h1>\n<p>{}</p>\n{facts}<p class=\"next\">{}</p>\n</main>\n</body>\n</html>\n",
        escaped(&page.heading),
        escaped(&page.text),
        escaped(&page.next),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_customers_are_texts_and_never_markup() {
        let page = Page {
            success: true,
            heading: "You're <b>".to_owned(),
            text: "a & b".to_owned(),
            facts: vec![("Workspace", "<script>alert(\"1\")</script>".to_owned())],
            next: "x".to_owned(),
        };
        let reply = reply(200, &page).unwrap();
        assert!(
            !reply.body.contains("<script") && !reply.body.contains("<b>"),
            "{}",
            reply.body
        );
        assert!(reply.body.contains("a &amp; b") && reply.body.contains("<title>Connection complete</title>"));
        let policy = reply.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("script"),
            "{policy}"
        );
    }
}
