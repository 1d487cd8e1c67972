//! Markup.

use crate::render::{Outcome, Renderer};
use crate::value::Value;

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [
            ("&amp;", '&'),
            ("&lt;", '<'),
            ("&gt;", '>'),
            ("&#34;", '"'),
            ("&#39;", '\''),
        ];
        let (length, c) = known
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map_or((1, '&'), |(name, c)| (name.len(), *c));
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

pub(super) fn escape<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(escaped(&r.text(&input)?).into())
}

pub(super) fn escape_once<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(escaped(&unescaped(&r.text(&input)?)).into())
}

pub(super) fn newline_to_br<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.replace("\r\n", "\n").replace('\n', "<br />\n").into())
}

/// Removes scripts and styles with their content, comments, and all other tags.
pub(super) fn strip_html<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let mut out = String::new();
    let mut rest: &str = &text;
    // An opener whose closer is nowhere ahead is never looked for again, which keeps this linear.
    let mut blocks = vec![
        ("<script", "</script>"),
        ("<style", "</style>"),
        ("<!--", "-->"),
        ("<", ">"),
    ];
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut after = None;
        blocks.retain(|(opener, closer)| {
            if after.is_some() || !rest.starts_with(opener) {
                return true;
            }
            after = rest[opener.len()..]
                .find(closer)
                .map(|end| opener.len() + end + closer.len());
            after.is_some()
        });
        let Some(after) = after else { break };
        rest = &rest[after..];
    }
    out.push_str(rest);
    Ok(out.into())
}
