//! Style sheets into `style` attributes, because many readers of mail drop the sheets.

use css_inline::CSSInliner;

use crate::scan;

/// Rules times elements up to which inlining is worth its time.
const MAX_MATCHES: usize = 20_000_000;

/// A whole page with its style sheets inlined; the sheets stay, for the rules that only they can hold. What cannot be
/// inlined is left as it is: the sheet alone is worth more than no message.
pub(crate) fn page(html: String) -> String {
    if !worth_it(&html) {
        return html;
    }
    let inliner = CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_style_tags(true)
        .build();
    inliner.inline(&html).unwrap_or(html)
}

/// A piece of HTML with its style sheets inlined and gone, except for rules that depend on the reader's screen.
pub(crate) fn piece(html: &str) -> String {
    let without_head = |html: &str| match scan::page(html) {
        Some(page) => page.body.to_owned(),
        None => html.to_owned(),
    };
    if !worth_it(html) {
        return without_head(html);
    }
    let inliner = CSSInliner::options()
        .load_remote_stylesheets(false)
        .keep_at_rules(true)
        .build();
    match inliner.inline(html) {
        Ok(inlined) => {
            let rules = scan::page(&inlined).map_or("", |page| page.head);
            let sheets: String = sheets(rules);
            format!("{sheets}{}", without_head(&inlined))
        }
        Err(_) => without_head(html),
    }
}

/// The `<style>` elements of a head.
pub(crate) fn sheets(head: &str) -> String {
    let mut out = String::new();
    let mut from = None;
    for tag in scan::tokens(head).filter(|tag| tag.name == "style") {
        match (tag.kind, from) {
            (scan::Kind::Open, _) => from = Some(tag.start),
            (scan::Kind::Close, Some(start)) => {
                out.push_str(head.get(start..tag.end).unwrap_or_default());
                from = None;
            }
            (scan::Kind::Close, None) => {}
        }
    }
    out
}

fn worth_it(html: &str) -> bool {
    let lower = html.to_ascii_lowercase();
    let Some(first) = lower.find("<style") else {
        return false;
    };
    let rules = lower[first..].matches('{').count();
    rules > 0 && rules.saturating_mul(scan::tokens(html).count()) <= MAX_MATCHES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_goes_into_the_elements_and_stays_for_small_screens() {
        let html = "<html><head><style>p { color: red } @media (max-width: 9px) { p { color: blue } }</style></head>\
            <body><p>x</p></body></html>";
        let inlined = page(html.to_owned());
        assert!(inlined.contains("<p style=\"color: red;\">x</p>"), "{inlined}");
        assert!(inlined.contains("@media"), "{inlined}");
    }

    #[test]
    fn a_piece_comes_back_without_a_page_around_it() {
        let inlined = piece("<style>.a { color: red }</style><p class=\"a\">x</p>");
        assert_eq!(inlined, "<p class=\"a\" style=\"color: red;\">x</p>");
        assert_eq!(piece("<p>x</p>"), "<p>x</p>");
        assert_eq!(
            piece("<html><head><title>t</title></head><body><i>x</i></body></html>"),
            "<i>x</i>"
        );
    }

    #[test]
    fn nothing_is_fetched() {
        let html = "<html><head><link rel=\"stylesheet\" href=\"file:///etc/hosts\"><style>p{color:red}</style></head><body><p>x</p></body></html>";
        assert!(page(html.to_owned()).contains("color: red"));
    }
}
