//! A tokenizer that knows just enough of HTML to find its tags.

/// Whether a tag opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Close,
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) kind: Kind,
    /// In lower case.
    pub(crate) name: String,
    /// Where `<` stands.
    pub(crate) start: usize,
    /// Where the attributes begin.
    pub(crate) attributes: usize,
    /// Behind `>`.
    pub(crate) end: usize,
}

impl Tag {
    /// The text of the attributes.
    pub(crate) fn attributes<'a>(&self, html: &'a str) -> &'a str {
        let text = html.get(self.attributes..self.end).unwrap_or_default();
        text.trim_end_matches('>').trim_end_matches('/').trim()
    }
}

/// Elements whose content is text.
const RAW: [&str; 4] = ["style", "script", "title", "textarea"];

/// The tags of this HTML, in order; comments and the text of styles and scripts are passed over.
pub(crate) fn tokens(html: &str) -> impl Iterator<Item = Tag> {
    let mut at = 0;
    // Inside of drawings and formulas nothing is raw text.
    let mut foreign = 0usize;
    std::iter::from_fn(move || {
        loop {
            at += html.get(at..)?.find('<')?;
            let rest = html.get(at..)?;
            if rest.starts_with("<!--") {
                at += rest.find("-->").map_or(rest.len(), |end| end + 3);
                continue;
            }
            let closing = rest.starts_with("</");
            let from = if closing { 2 } else { 1 };
            if !rest[from..].starts_with(|c: char| c.is_ascii_alphabetic()) {
                at += 1;
                continue;
            }
            let name_length = rest[from..]
                .find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')
                .unwrap_or(rest.len() - from);
            let name = rest[from..from + name_length].to_ascii_lowercase();
            let attributes = at + from + name_length;
            let end = attributes + end_of_tag(&html[attributes..]);
            let tag = Tag {
                kind: if closing { Kind::Close } else { Kind::Open },
                start: at,
                attributes,
                end,
                name,
            };
            at = end;
            if matches!(tag.name.as_str(), "svg" | "math") {
                foreign = if closing {
                    foreign.saturating_sub(1)
                } else {
                    foreign + 1
                };
            }
            if !closing && foreign == 0 && RAW.contains(&tag.name.as_str()) {
                at += end_of_raw_text(&html[end..], &tag.name);
            }
            return Some(tag);
        }
    })
}

/// Where a tag ends, quotes respected; an unfinished tag goes on to the end.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    let mut after_equals = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            // A quote begins a value only behind the equals sign.
            None if after_equals && (c == '"' || c == '\'') => quote = Some(c),
            None if c == '>' => return at + 1,
            None => {}
        }
        after_equals = quote.is_none() && (c == '=' || (after_equals && c.is_ascii_whitespace()));
    }
    text.len()
}

fn end_of_raw_text(text: &str, name: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("</")) {
        at += found;
        let same = bytes
            .get(at + 2..at + 2 + name.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()));
        if same {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// The parts of a whole page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page<'a> {
    /// `<!DOCTYPE …>`, or nothing.
    pub(crate) doctype: &'a str,
    pub(crate) html_attributes: &'a str,
    pub(crate) head: &'a str,
    pub(crate) body_attributes: &'a str,
    pub(crate) body: &'a str,
}

/// Takes a page apart; nothing when it is only a piece of one.
pub(crate) fn page(html: &str) -> Option<Page<'_>> {
    let mut page = Page {
        doctype: doctype(html),
        ..Page::default()
    };
    let mut head_from = None;
    let mut body_from = None;
    let mut body_to = html.len();
    let mut found = false;
    for tag in tokens(html) {
        match (tag.kind, tag.name.as_str()) {
            (Kind::Open, "html") => {
                found = true;
                page.html_attributes = tag.attributes(html);
            }
            (Kind::Open, "head") if body_from.is_none() => {
                found = true;
                head_from = Some(tag.end);
            }
            (Kind::Close, "head") if page.head.is_empty() => {
                page.head = head_from.and_then(|from| html.get(from..tag.start)).unwrap_or_default();
            }
            (Kind::Open, "body") if body_from.is_none() => {
                found = true;
                body_from = Some(tag.end);
                page.body_attributes = tag.attributes(html);
            }
            (Kind::Close, "body") => body_to = tag.start,
            _ => {}
        }
    }
    if !found {
        return None;
    }
    page.body = match body_from {
        Some(from) => html.get(from..body_to).unwrap_or_default(),
        None => html,
    };
    Some(page)
}

fn doctype(html: &str) -> &str {
    let trimmed = html.trim_start();
    let is_one = trimmed
        .get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    match trimmed.find('>') {
        Some(end) if is_one => trimmed
            .get(..=end)
            .filter(|text| !text[1..].contains('<'))
            .unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(html: &str) -> Vec<String> {
        tokens(html)
            .map(|tag| {
                if tag.kind == Kind::Open {
                    tag.name
                } else {
                    format!("/{}", tag.name)
                }
            })
            .collect()
    }

    #[test]
    fn tags_are_found_and_text_is_not_taken_for_one() {
        assert_eq!(
            names("<P title='a > b'>1 < 2<br/></P><!-- <b> --><style>p > b { } <i></style>x</"),
            ["p", "br", "/p", "style", "/style"]
        );
        assert_eq!(
            names("<svg><style><b></style></svg>"),
            ["svg", "style", "b", "/style", "/svg"]
        );
        assert_eq!(names("<a href=\"x"), ["a"]);
    }

    #[test]
    fn a_page_is_taken_apart() {
        let page =
            page("<!doctype html><html lang=en><head><title>T</title></head><body class='c'><p>x</p></body></html>");
        assert_eq!(
            page,
            Some(Page {
                doctype: "<!doctype html>",
                html_attributes: "lang=en",
                head: "<title>T</title>",
                body_attributes: "class='c'",
                body: "<p>x</p>",
            })
        );
        assert_eq!(super::page("<p>x</p>"), None);
    }
}
