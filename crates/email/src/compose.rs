//! A body and its layout become one message.

use campanile_liquid::{Output, RenderOptions, Template};
use serde_json::Value;

use crate::blocks::{self, Frame};
use crate::error::RenderError;
use crate::{inline, limits, sanitise, scan, text};

/// The variable in a layout that stands for the body.
const SLOT: &str = "content";

/// What an author wrote.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The body: a document of blocks as JSON, or a template of HTML.
    pub body: &'a str,
    /// The body of the layout around it, of either form.
    pub layout: Option<&'a str>,
    /// What the layout's templates see, when it is not what the body's see.
    pub layout_data: Option<&'a Value>,
    /// Whether what could run, or track, in a reader is taken out.
    pub sanitise: bool,
}

/// The parts of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The HTML part.
    pub html: String,
    /// The plain-text part.
    pub text: String,
}

/// Renders a body into its layout with `data` as what the templates see.
pub fn render(content: &Content<'_>, data: &Value, options: &RenderOptions) -> Result<Email, RenderError> {
    for body in content.layout.into_iter().chain([content.body]) {
        blocks::check_depth(body)?;
    }
    let framed = content.layout.is_some();
    let mut html = body(
        content.body,
        data,
        options,
        if framed { Frame::Piece } else { Frame::Page },
    )?;
    if let Some(layout) = content.layout {
        html = in_layout(layout, &html, content.layout_data.unwrap_or(data), options)?;
    }
    limits::check_html(&html)?;
    let mut html = without_blank_paragraphs(html);
    if !blocks::is_document(content.layout.unwrap_or(content.body)) {
        html = inline::page(html);
    }
    if content.sanitise {
        html = sanitise::page(&html);
    }
    // Inlining may have made it longer.
    finished(html)
}

/// A message whose HTML is finished, with its text.
pub fn finished(html: String) -> Result<Email, RenderError> {
    limits::check_html(&html)?;
    let text = text::of(&html);
    Ok(Email { html, text })
}

fn body(body: &str, data: &Value, options: &RenderOptions, frame: Frame<'_>) -> Result<String, RenderError> {
    if let Some(document) = blocks::parse(body) {
        return blocks::render(&document, data, options, frame);
    }
    let html = template(body, data, options)?;
    Ok(match frame {
        Frame::Page => html,
        _ => piece_of(html),
    })
}

/// What goes into a layout of a whole page: its body, with its style sheets before it.
fn piece_of(html: String) -> String {
    match scan::page(&html) {
        Some(page) => format!("{}{}", inline::sheets(page.head), page.body),
        None => html,
    }
}

fn in_layout(layout: &str, content: &str, data: &Value, options: &RenderOptions) -> Result<String, RenderError> {
    if let Some(document) = blocks::parse(layout) {
        return blocks::render(&document, data, options, Frame::Layout { content });
    }
    let mut data = data.clone();
    if let Value::Object(names) = &mut data {
        names.insert(SLOT.to_owned(), content.into());
    }
    template(layout, &data, options)
}

fn template(source: &str, data: &Value, options: &RenderOptions) -> Result<String, RenderError> {
    let options = RenderOptions {
        output: Output::NovuText,
        ..options.clone()
    };
    Ok(Template::parse(source)?.render(data, &options)?)
}

/// Whether a layout has the place where the body goes.
pub fn has_content_slot(layout: &str) -> bool {
    match blocks::parse(layout) {
        Some(document) => blocks::has_variable(&document, SLOT),
        None => Template::parse(layout)
            .is_ok_and(|template| template.variables().iter().any(|variable| variable.path == SLOT)),
    }
}

/// Whether HTML is a page with a body rather than a piece of one, as layouts have to be.
pub fn is_whole_page(html: &str) -> bool {
    let has = |kind, name: &str| scan::tokens(html).any(|tag| tag.kind == kind && tag.name == name);
    ["html", "body"]
        .into_iter()
        .all(|name| has(scan::Kind::Open, name) && has(scan::Kind::Close, name))
}

/// Paragraphs that hold only blanks become empty ones: Gmail takes trailing blanks for a message that goes on.
fn without_blank_paragraphs(html: String) -> String {
    let mut out = String::new();
    let mut from = 0;
    let mut opened: Option<usize> = None;
    for tag in scan::tokens(&html) {
        if tag.kind == scan::Kind::Close
            && tag.name == "p"
            && let Some(start) = opened
            && let Some(inside) = html.get(start..tag.start)
            && !inside.is_empty()
            && inside.chars().all(char::is_whitespace)
        {
            out.push_str(html.get(from..start).unwrap_or_default());
            from = tag.start;
        }
        opened = (tag.kind == scan::Kind::Open && tag.name == "p").then_some(tag.end);
    }
    if from == 0 {
        return html;
    }
    out.push_str(html.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options() -> RenderOptions {
        RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH)
    }

    fn rendered(body: &str, layout: Option<&str>, data: &Value) -> Result<Email, RenderError> {
        let content = Content {
            body,
            layout,
            layout_data: None,
            sanitise: true,
        };
        render(&content, data, &options())
    }

    fn document(text: &str) -> String {
        json!({ "type": "doc", "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }] })
            .to_string()
    }

    fn layout() -> String {
        json!({ "type": "doc", "content": [
            { "type": "paragraph", "content": [{ "type": "text", "text": "Dear {{ subscriber.firstName }}," }] },
            { "type": "paragraph", "content": [{ "type": "variable", "attrs": { "id": "content" } }] },
        ] })
        .to_string()
    }

    const PAGE: &str = "<html><head><style>p{color:red}</style></head><body><main>{{ content }}</main></body></html>";

    #[test]
    fn html_is_a_template_rendered_once() {
        let email = rendered(
            "<p title=\"{{ payload.title | default: \"none\" }}\">{{ payload.name }}</p>",
            None,
            &json!({ "payload": { "name": "{{ 'again' }}" } }),
        );
        assert_eq!(
            email,
            Ok(Email {
                html: "<p title=\"none\">{{ 'again' }}</p>".to_owned(),
                text: "{{ 'again' }}".to_owned(),
            })
        );
    }

    #[test]
    fn blocks_go_into_a_layout_of_blocks() {
        let data = json!({ "subscriber": { "firstName": "Ada" }, "payload": { "x": "<b>\"1\"</b>" } });
        let email = rendered(&document("It is {{ payload.x }}"), Some(&layout()), &data).expect("renders");
        assert_eq!(email.text, "Dear Ada,\n\nIt is <b>\"1\"</b>");
        assert_eq!(email.html.matches("<html").count(), 1);
        assert_eq!(email.html.matches("<body").count(), 1);
    }

    #[test]
    fn everything_goes_into_a_layout_of_html_and_gets_its_styles() {
        let data = json!({});
        let page = "<!DOCTYPE html><html><head><style>i{color:blue}</style></head><body><p><i>x</i></p></body></html>";
        let email = rendered(page, Some(PAGE), &data).expect("renders");
        assert!(
            email
                .html
                .contains("<p style=\"color: red;\"><i style=\"color: blue;\">x</i></p>"),
            "{}",
            email.html
        );
        assert_eq!(email.html.matches("<body").count(), 1);
        let email = rendered(&document("hello"), Some(PAGE), &data).expect("renders");
        assert_eq!(email.text, "hello");
    }

    #[test]
    fn what_runs_is_taken_out_unless_the_author_vouches() {
        let body = "<p onclick=\"x()\">x</p>";
        let mut content = Content {
            body,
            layout: None,
            layout_data: None,
            sanitise: true,
        };
        let html = |content: &Content<'_>| render(content, &json!({}), &options()).expect("renders").html;
        assert_eq!(html(&content), "<p>x</p>");
        content.sanitise = false;
        assert_eq!(html(&content), body);
    }

    #[test]
    fn bounds_end_with_a_clear_error() {
        let endless = "{% for a in (1..9999) %}{% for b in (1..9999) %}x{% endfor %}{% endfor %}";
        let wide = "{% for a in (1..100000) %}<p>0123456789012345678901234567890123456789</p>{% endfor %}";
        let data = json!({});
        assert!(matches!(rendered(endless, None, &data), Err(RenderError::Template(text)) if text.contains("limit")));
        assert!(matches!(rendered(wide, None, &data), Err(RenderError::TooLarge(_))));
        assert!(matches!(rendered("{{ a", None, &data), Err(RenderError::Template(_))));
    }

    #[test]
    fn documents_are_bounded_as_a_whole() {
        let depth = |depth: usize| {
            let (open, close) = (r#"{"type":"section","content":["#, "]}");
            format!(
                r#"{{"type":"doc","content":[{}{}]}}"#,
                open.repeat(depth),
                close.repeat(depth)
            )
        };
        for body in [depth(70), depth(5000)] {
            let error = rendered(&body, None, &json!({})).unwrap_err();
            assert!(
                matches!(&error, RenderError::TooLarge(text) if text.contains("nested")),
                "{error}"
            );
        }
        // One condition is cheap, thousands of them are not.
        let key = "payload.list | sort | sort | sort | size";
        let block =
            json!({ "type": "paragraph", "attrs": { "showIfKey": key }, "content": [{ "type": "text", "text": "x" }] });
        let document = |count: usize| json!({ "type": "doc", "content": vec![block.clone(); count] }).to_string();
        let data = json!({ "payload": { "list": (0..200).collect::<Vec<_>>() } });
        assert!(rendered(&document(1), None, &data).is_ok());
        let error = rendered(&document(9000), None, &data).unwrap_err();
        assert!(
            matches!(&error, RenderError::Template(text) if text.contains("limit exceeded")),
            "{error}"
        );
    }

    #[test]
    fn blank_paragraphs_are_emptied() {
        assert_eq!(
            without_blank_paragraphs("<p a='1'>\u{a0} </p><p>x </p><p></p>".to_owned()),
            "<p a='1'></p><p>x </p><p></p>"
        );
    }

    #[test]
    fn a_layout_is_judged() {
        assert!(has_content_slot(&layout()));
        assert!(has_content_slot(PAGE));
        assert!(has_content_slot("{{content}}"));
        assert!(!has_content_slot("{{ payload.content }}"));
        assert!(!has_content_slot(&document("x")));
        assert!(is_whole_page(PAGE));
        assert!(!is_whole_page("<html><p>x</p></html>"));
    }
}
