//! Texts and what marks them.

use serde_json::Value;

use super::super::{element, node, style::Style};
use super::NO_BREAK_SPACE;
use crate::escape;

/// From the innermost to the outermost; what is not here goes inside of all of them.
const ORDER: [&str; 5] = ["underline", "bold", "italic", "textStyle", "link"];
const CODE: &str = "background-color:#EFEFEF;color:#111827;padding:2px 4px;border-radius:6px;font-family:SFMono-Regular, \
    Menlo, Monaco, Consolas, \"Liberation Mono\", \"Courier New\", monospace;font-weight:400;letter-spacing:0";

/// A piece of text with its marks.
pub(super) fn text(out: &mut String, block: &Value) {
    let content = block["text"].as_str().unwrap_or_default();
    let Some(marks) = block.get("marks").and_then(Value::as_array) else {
        if content.chars().all(char::is_whitespace) {
            // Blanks alone would not show.
            let count = content.chars().count().max(1);
            out.push_str(&NO_BREAK_SPACE.repeat(count));
        } else {
            escape::push(out, content);
        }
        return;
    };
    let mut written = escape::escaped(if content.is_empty() { NO_BREAK_SPACE } else { content });
    let mut marks: Vec<&Value> = marks.iter().collect();
    marks.sort_by_key(|mark| {
        ORDER
            .iter()
            .position(|kind| *kind == node::kind(mark))
            .map_or(0, |at| at + 1)
    });
    for one in marks {
        written = mark(one, written);
    }
    out.push_str(&written);
}

fn mark(mark: &Value, inside: String) -> String {
    let (name, attributes, style) = match node::kind(mark) {
        "bold" => ("strong", String::new(), Style::default()),
        "italic" => ("em", String::new(), Style::default()),
        "underline" => ("u", String::new(), Style::default()),
        "strike" => ("s", String::new(), Style::of("text-decoration:line-through")),
        "code" => ("code", String::new(), Style::of(CODE)),
        "textStyle" => {
            let color = node::text(mark, "color").unwrap_or("#374151");
            ("span", String::new(), Style::default().with("color", color))
        }
        "link" => return link(mark, &inside),
        // A mark of a newer editor leaves its text alone.
        _ => return inside,
    };
    let mut out = String::new();
    element::wrapped(&mut out, name, &attributes, &style, &inside);
    out
}

fn link(mark: &Value, inside: &str) -> String {
    let mut out = "<a".to_owned();
    element::attribute(&mut out, "href", node::text(mark, "href").unwrap_or("#"));
    element::attribute(
        &mut out,
        "rel",
        node::text(mark, "rel").unwrap_or("noopener noreferrer nofollow"),
    );
    out.push_str(r#" style="color:#111827;text-decoration-line:none;font-weight:500;text-decoration:none""#);
    element::attribute(&mut out, "target", node::text(mark, "target").unwrap_or("_blank"));
    out.push('>');
    out.push_str(inside);
    out.push_str("</a>");
    out
}
