//! HTML, written so that a text cannot become markup: what is written as it is was written by us, at compile time.

/// A piece of HTML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Our own markup.
    pub(crate) fn raw(mut self, markup: &'static str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// Any text, between tags or within the quotes of an attribute.
    pub(crate) fn text(mut self, text: impl AsRef<str>) -> Self {
        escape(&mut self.0, text.as_ref());
        self
    }

    /// Another piece.
    pub(crate) fn add(mut self, piece: &Self) -> Self {
        self.0.push_str(&piece.0);
        self
    }

    /// An element with a text in it.
    pub(crate) fn element(self, tag: &'static str, text: impl AsRef<str>) -> Self {
        self.raw("<").raw(tag).raw(">").text(text).raw("</").raw(tag).raw(">\n")
    }

    /// The piece if there is one.
    pub(crate) fn maybe(self, piece: Option<&Self>) -> Self {
        match piece {
            Some(piece) => self.add(piece),
            None => self,
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

fn escape(into: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let html = Html::new()
            .raw("<a title=\"")
            .text("\"><script>'")
            .raw("\">")
            .element("b", "&amp;");
        assert_eq!(
            html.into_string(),
            "<a title=\"&quot;&gt;&lt;script&gt;&#39;\"><b>&amp;amp;</b>\n"
        );
    }
}
