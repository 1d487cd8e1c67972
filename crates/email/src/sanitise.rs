//! HTML that runs nothing: what is not on the lists goes, its text stays.
//!
//! Novu keeps every attribute but handlers; here a list decides, because a reader of mail, the inbox and the dashboard
//! all show the result.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use crate::scan;

/// Elements of texts and of the tables that mail is laid out with.
const TAGS: &str = "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup data dd \
    del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li main mark \
    menu nav ol p picture pre q rb rp rt rtc ruby s samp section small source span strike strong sub sup table tbody td \
    tfoot th thead time tr tt u ul var wbr";
/// What only the head of a page, or a sheet in its body, needs.
const PAGE_TAGS: &str = "style title meta link";
const ATTRIBUTES: &str = "abbr align alt background bgcolor border cellpadding cellspacing charset cite class clear color \
    cols colspan content coords datetime dir face frame headers height href hspace http-equiv id ismap lang loading \
    media name noshade nowrap property rel reversed role rowspan rules scope shape size sizes span src srcset start \
    style summary target text link vlink alink title type usemap valign value vspace width xmlns";
const SCHEMES: [&str; 7] = ["http", "https", "mailto", "tel", "sms", "cid", "data"];

fn words(text: &'static str) -> HashSet<&'static str> {
    text.split_whitespace().collect()
}

static FRAGMENT: LazyLock<Builder<'static>> = LazyLock::new(|| builder(false));
static PAGE: LazyLock<Builder<'static>> = LazyLock::new(|| builder(true));

fn builder(page: bool) -> Builder<'static> {
    let mut tags = words(TAGS);
    let mut dropped = HashSet::from(["script", "noscript", "template", "iframe", "object", "embed"]);
    if page {
        tags.extend(words(PAGE_TAGS));
    } else {
        dropped.insert("style");
        dropped.insert("title");
    }
    let mut builder = Builder::empty();
    builder
        .tags(tags)
        .clean_content_tags(dropped)
        .generic_attributes(words(ATTRIBUTES))
        .generic_attribute_prefixes(HashSet::from(["data-", "aria-"]))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(attribute);
    builder
}

/// What a list of names cannot tell.
fn attribute<'a>(element: &str, name: &str, value: &'a str) -> Option<Cow<'a, str>> {
    let bare: String = value
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .flat_map(char::to_lowercase)
        .collect();
    let runs = bare.starts_with("javascript:") || bare.starts_with("vbscript:");
    // Pictures may come along as data; a page that opens as data may not.
    let carries = bare.starts_with("data:") && !(element == "img" && bare.starts_with("data:image/"));
    let leaves = element == "meta" && name == "http-equiv" && bare == "refresh";
    (!runs && !carries && !leaves).then_some(Cow::Borrowed(value))
}

/// A piece of HTML, such as the text of an in-app message.
pub fn fragment(html: &str) -> Result<String, crate::RenderError> {
    // Most texts are only texts.
    if !html.contains(['<', '&']) {
        return Ok(html.to_owned());
    }
    crate::limits::check_html(html)?;
    Ok(FRAGMENT.clean(html).to_string())
}

/// A whole page, or a piece of one: each part of it is cleaned by itself and put together by us.
pub(crate) fn page(html: &str) -> String {
    let Some(page) = scan::page(html) else {
        return PAGE.clean(html).to_string();
    };
    let mut out = page.doctype.to_owned();
    out.push_str("<html");
    out.push_str(&attributes(page.html_attributes));
    out.push('>');
    if !page.head.is_empty() {
        out.push_str("<head>");
        out.push_str(&PAGE.clean(page.head).to_string());
        out.push_str("</head>");
    }
    out.push_str("<body");
    out.push_str(&attributes(page.body_attributes));
    out.push('>');
    out.push_str(&PAGE.clean(page.body).to_string());
    out.push_str("</body></html>");
    out
}

/// The attributes of an element that the cleaner does not know, cleaned as those of one that it knows.
fn attributes(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let cleaned = PAGE.clean(&format!("<div {text}></div>")).to_string();
    cleaned
        .strip_prefix("<div")
        .and_then(|rest| rest.strip_suffix("></div>"))
        .filter(|rest| !rest.contains('<'))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_runs_is_left() {
        let hostile = [
            "<script>x()</script>",
            "<img src=x onerror=x()>",
            "<a href=\"javascript:x()\">a</a>",
            "<a href=\"java\nscript:x()\">a</a>",
            "<a href=\" &#106;avascript:x()\">a</a>",
            "<a href='data:text/html,<script>x()</script>'>a</a>",
            "<iframe src=\"https://x\"></iframe>",
            "<style></style/><img src onerror=x()></style>",
            "<svg><style><img src=x onerror=x()></style></svg>",
            "<math><mtext><table><mglyph><style><img src=x onerror=x()>",
            "<form action=\"javascript:x()\"><button formaction=\"javascript:x()\">b</button></form>",
            "<meta http-equiv=\"refresh\" content=\"0;url=https://x\">",
            "<body onload=x()>b",
            "<html onclick='x()'><body a='\"><script>x()</script>'>b</body></html>",
            "<base href=\"javascript:x()\">",
            "<p style='a' onclick\n=x()>p</p>",
        ];
        for html in hostile {
            for clean in [page(html), fragment(html).expect("short")] {
                let lower = clean.to_lowercase();
                for bad in [
                    "<script",
                    "onerror=",
                    "onload=",
                    "onclick",
                    "javascript:",
                    "<iframe",
                    "data:text",
                    "http-equiv",
                    "<base",
                ] {
                    assert!(!lower.contains(bad), "{html}: {clean}");
                }
            }
        }
    }

    #[test]
    fn a_page_stays_a_page() {
        let html = "<!DOCTYPE html><html lang=\"en\"><head><title>T &amp; t</title><style>p > b{color:red}</style>\
            </head><body style=\"margin:0\"><p class=\"a\">x</p></body></html>";
        assert_eq!(page(html), html);
    }

    #[test]
    fn pictures_may_be_inside() {
        let html = "<img src=\"data:image/png;base64,AA==\">";
        assert_eq!(page(html), html);
    }

    #[test]
    fn texts_stay_as_they_are() {
        assert_eq!(fragment("a \"quoted\" text").as_deref(), Ok("a \"quoted\" text"));
        assert_eq!(fragment("1 < 2 & <b>3</b>").as_deref(), Ok("1 &lt; 2 &amp; <b>3</b>"));
        assert_eq!(fragment("<style>p{}</style>x").as_deref(), Ok("x"));
    }
}
