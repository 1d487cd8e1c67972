//! What a browser is answered with at the end of a consent: a page in the frame of the hosted ones, or another address.

use axum::http::{HeaderMap, HeaderValue, header};
use campanile_connect::oauth::Page;
use campanile_model::{Error, Result};
use url::Url;

use crate::call::Reply;
use crate::connect::{page, told};

/// A page as the answer to a call.
pub(super) fn reply(status: u16, told: &Page) -> Result<Reply> {
    let title = if told.success {
        "Connection complete"
    } else {
        "Connection failed"
    };
    let page = page::Page {
        status,
        title: title.to_owned(),
        look: page::Look::default(),
        content: told::html(told),
    };
    page.reply()
}

/// 302 to another address.
pub(super) fn redirect(url: &Url) -> Result<Reply> {
    // The address that was called holds a code and a state: it is neither kept nor told on.
    let mut headers = HeaderMap::new();
    let address = HeaderValue::from_str(url.as_str()).map_err(Error::internal)?;
    headers.insert(header::LOCATION, address);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(Reply {
        status: 302,
        body: String::new(),
        headers,
    })
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
