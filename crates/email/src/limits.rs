//! Bounds of one e-mail. Authors and payloads are strangers: reaching a bound ends the rendering with a clear error.

use crate::error::RenderError;
use crate::scan::{self, Kind};

/// Bytes of HTML; providers refuse larger messages, and readers clip them at a hundredth of it.
pub const MAX_HTML_BYTES: usize = 2 << 20;
/// Nodes of a document of blocks, after its loops were unrolled.
pub const MAX_NODES: usize = 20_000;
/// Nesting of blocks.
pub const MAX_DEPTH: usize = 64;
/// What reading HTML may cost, see [`check_html`].
const MAX_COST: usize = 6_000_000;

/// Elements that a parser of HTML opens again in each block that follows while they are left open.
const FORMATTING: [&str; 14] = [
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];
/// Elements that are often left open, and that the next of their kind closes.
const CLOSED_BY_THE_NEXT: [&str; 11] = [
    "p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option",
];
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
];

/// Refuses HTML that is too large, or whose nesting would make a parser's work and memory grow with the square of its
/// length: the cost of a tag is the depth at which it stands, and formatting that was left open weighs the most.
pub(crate) fn check_html(html: &str) -> Result<(), RenderError> {
    if html.len() > MAX_HTML_BYTES {
        return Err(RenderError::TooLarge(format!(
            "the HTML has {} bytes, more than {MAX_HTML_BYTES}",
            html.len()
        )));
    }
    let mut open: Vec<String> = Vec::new();
    let mut formatting = 0usize;
    let mut cost = 0usize;
    for token in scan::tokens(html) {
        let name = token.name.as_str();
        match token.kind {
            Kind::Open if VOID.contains(&name) || CLOSED_BY_THE_NEXT.contains(&name) => {}
            Kind::Open => {
                formatting += usize::from(FORMATTING.contains(&name));
                open.push(token.name);
            }
            Kind::Close => {
                // What closes something that is not near the end of the stack closes nothing here.
                if let Some(back) = open.iter().rev().take(16).position(|known| known == name) {
                    let closed = open.split_off(open.len() - back - 1);
                    formatting -= closed.iter().filter(|one| FORMATTING.contains(&one.as_str())).count();
                }
            }
        }
        cost += 1 + formatting + open.len() / 8;
        if cost > MAX_COST {
            return Err(RenderError::TooLarge(
                "the HTML is nested too deeply: its elements are not closed".to_owned(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_mail_passes() {
        let row = "<tr><td><p>Hello <b>you</b><br><img src='x'></p></td></tr>";
        let mail = format!("<table>{}</table>", row.repeat(5000));
        assert!(check_html(&mail).is_ok());
        assert!(check_html(&"<li>one".repeat(50_000)).is_ok());
    }

    #[test]
    fn what_makes_parsers_slow_is_refused() {
        let deep = "<div>".repeat(100_000);
        let hidden = "<div></x>".repeat(100_000);
        let reopened =
            (0..500).fold(String::new(), |text, n| format!("{text}<font size={n}>")) + &"<p>x</p>".repeat(100_000);
        let long = "x".repeat(MAX_HTML_BYTES + 1);
        for html in [deep, hidden, reopened, long] {
            assert!(matches!(check_html(&html), Err(RenderError::TooLarge(_))));
        }
    }
}
