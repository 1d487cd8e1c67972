//! The frame around every page of ours that customers see, and the headers that keep it to itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use campanile_model::Result;
use campanile_store::secrets::random_hex;

use super::color::writing_on;
use super::html::Html;
use super::texts;
use crate::call::Reply;

const STYLE: &str = include_str!("page.css");
const COLOR: &str = "#3b4a5f";

/// How our user wants to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(super) name: Option<String>,
    pub(super) color: Option<String>,
}

/// One page.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) title: String,
    pub(crate) look: Look,
    /// What stands in `<main>`.
    pub(crate) content: Html,
}

impl Page {
    pub(crate) fn reply(self) -> Result<Reply> {
        let nonce = random_hex(16)?;
        let name = self.look.name.as_deref();
        let brand = name.map(|name| {
            Html::new()
                .raw("<p class=\"brand\"><span class=\"mark\" aria-hidden=\"true\">")
                .text(first_letter(name))
                .raw("</span><span>")
                .text(name)
                .raw("</span></p>\n")
        });
        let color = self.look.color.as_deref().unwrap_or(COLOR);
        let html = Html::new()
            .raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
            .raw(
                "<meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>",
            )
            .text(texts::page_title(&self.title, name))
            .raw("</title>\n<style nonce=\"")
            .text(&nonce)
            .raw("\">\n")
            .raw(STYLE)
            .raw(":root { --brand: ")
            .text(color)
            .raw("; --on-brand: ")
            .raw(writing_on(color))
            .raw("; }\n</style>\n</head>\n<body>\n<div class=\"frame\">\n")
            .maybe(brand.as_ref())
            .raw("<main>\n")
            .add(&self.content)
            .raw("</main>\n</div>\n</body>\n</html>\n");
        Ok(Reply {
            status: self.status,
            body: html.into_string(),
            headers: headers(&nonce),
        })
    }
}

fn first_letter(name: &str) -> String {
    name.trim().chars().take(1).flat_map(char::to_uppercase).collect()
}

/// The address of a page holds its key, so it is neither kept nor told to anybody, and no other page frames it.
fn headers(nonce: &str) -> HeaderMap {
    // A form may lead on to any vendor by https: browsers apply `form-action` to every redirect after a form was sent,
    // and vendors send people on to hosts of their workspaces. Loopback is where emulators of vendors are.
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' https: http://127.0.0.1:* http://localhost:*; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let mut headers = HeaderMap::new();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// 303 to another address, which is fetched with GET.
pub(super) fn see_other(address: &str) -> Result<Reply> {
    let mut headers = HeaderMap::new();
    let address = HeaderValue::from_str(address).map_err(campanile_model::Error::internal)?;
    headers.insert(header::LOCATION, address);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(Reply {
        status: 303,
        body: String::new(),
        headers,
    })
}
