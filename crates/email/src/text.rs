//! The plain-text part: what a reader without HTML gets.

use html2text::config;
use html2text::render::TextDecorator;

/// Lines are broken by the reader, not by us.
const WIDTH: usize = 10_000;

/// The text of a page. Links are followed by their address, tables of layout leave no trace.
pub(crate) fn of(html: &str) -> String {
    let written = config::with_decorator(Plain::default())
        .raw_mode(true)
        .no_table_borders()
        .no_link_wrapping()
        .link_footnotes(false)
        .string_from_read(html.as_bytes(), WIDTH)
        .unwrap_or_default();
    tidy(&written)
}

/// No blanks at the ends of lines, at most one empty line, none around.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(|line| line.trim_matches([' ', '\t', '\u{a0}'])) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out
}

#[derive(Clone, Debug, Default)]
struct Plain {
    /// The addresses of the links that are open.
    links: Vec<String>,
}

type Start = (String, ());

fn nothing() -> Start {
    (String::new(), ())
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> Start {
        self.links.push(url.to_owned());
        nothing()
    }

    fn decorate_link_end(&mut self) -> String {
        match self.links.pop() {
            Some(url) if !url.is_empty() && !url.starts_with('#') => format!(" ({url})"),
            _ => String::new(),
        }
    }

    fn decorate_em_start(&self) -> Start {
        nothing()
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> Start {
        nothing()
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> Start {
        nothing()
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> Start {
        nothing()
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _src: &str, title: &str) -> Start {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, _level: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn decorate_superscript_start(&self) -> Start {
        nothing()
    }

    fn decorate_superscript_end(&self) -> String {
        String::new()
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_text() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><table><tr><td><h1>Hello</h1><p>It is \
            <b>done</b>.</p><p>See <a href=\"https://x.y\">the list</a></p><ul><li>one</li><li>two</li></ul>\
            <img src=\"https://x.y/a.png\" alt=\"A logo\"></td></tr></table></body></html>";
        assert_eq!(
            of(html),
            "Hello\n\nIt is done.\n\nSee the list (https://x.y)\n- one\n- two\n\nA logo"
        );
    }
}
