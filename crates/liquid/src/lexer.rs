//! Reads the source character by character and splits it into tags, outputs and text.
//!
//! The rules are those of LiquidJS's tokenizer, including what it accepts by accident, because stored templates depend
//! on it.

use crate::error::{Fault, Position};

/// The characters of a template with what is needed to name a place in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) chars: Vec<char>,
    line_starts: Vec<usize>,
    /// Where characters stand that take two UTF-16 units, for columns.
    wide: Vec<usize>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut line_starts = vec![0];
        let mut wide = Vec::new();
        for (i, c) in chars.iter().enumerate() {
            if *c == '\n' {
                line_starts.push(i + 1);
            }
            if c.len_utf16() == 2 {
                wide.push(i);
            }
        }
        Self {
            chars,
            line_starts,
            wide,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(crate) fn char(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    pub(crate) fn text(&self, begin: usize, end: usize) -> String {
        let end = end.min(self.chars.len());
        if begin >= end {
            String::new()
        } else {
            self.chars[begin..end].iter().collect()
        }
    }

    pub(crate) fn position(&self, at: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts[line - 1];
        let wide = self.wide.partition_point(|i| *i < at) - self.wide.partition_point(|i| *i < start);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position {
            line: number(line),
            column: number(at - start + wide + 1),
        }
    }
}

/// A top-level piece of the source, or a line of a `liquid` tag.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) begin: usize,
    pub(crate) end: usize,
    pub(crate) kind: TokenKind,
}

#[derive(Debug)]
pub(crate) enum TokenKind {
    Text {
        trim_left: usize,
        trim_right: usize,
    },
    Output(Inside),
    Tag {
        name: String,
        /// Where the arguments start.
        args: usize,
        inside: Inside,
    },
}

/// What stands between the delimiters, and whether these eat the white space around them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    pub(crate) begin: usize,
    pub(crate) end: usize,
    trim_left: bool,
    trim_right: bool,
}

impl Inside {
    fn new(source: &Source, content_begin: usize, content_end: usize) -> Self {
        let trim_left = source.char(content_begin) == Some('-');
        let trim_right = content_end > 0 && source.char(content_end - 1) == Some('-');
        let mut begin = content_begin + usize::from(trim_left);
        let mut end = content_end - usize::from(trim_right);
        while begin < end && source.char(begin).is_some_and(is_blank) {
            begin += 1;
        }
        while end > begin && source.char(end - 1).is_some_and(is_blank) {
            end -= 1;
        }
        Self {
            begin,
            end,
            trim_left,
            trim_right,
        }
    }
}

impl Token {
    pub(crate) fn tag_name(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Tag { name, .. } => Some(name),
            _ => None,
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Characters of names: dashes and question marks are among them.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '?')
    } else {
        !is_blank(c) && !matches!(c, '\u{201c}' | '\u{201d}')
    }
}

pub(crate) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

/// A position in a part of the source.
#[derive(Debug)]
pub(crate) struct Cursor<'s> {
    pub(crate) source: &'s Source,
    pub(crate) p: usize,
    pub(crate) end: usize,
    /// How many expressions the one being read is nested in.
    pub(crate) depth: usize,
}

impl<'s> Cursor<'s> {
    pub(crate) fn new(source: &'s Source, begin: usize, end: usize) -> Self {
        Self {
            source,
            p: begin,
            end,
            depth: 0,
        }
    }

    pub(crate) fn at_end(&self) -> bool {
        self.p >= self.end
    }

    pub(crate) fn peek(&self, ahead: usize) -> Option<char> {
        let at = self.p + ahead;
        if at >= self.end { None } else { self.source.char(at) }
    }

    pub(crate) fn next_is(&self, test: fn(char) -> bool) -> bool {
        self.peek(0).is_some_and(test)
    }

    pub(crate) fn skip_blank(&mut self) {
        while self.next_is(is_blank) {
            self.p += 1;
        }
    }

    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        self.fault_at(message, self.p)
    }

    fn fault_at(&self, message: impl Into<String>, at: usize) -> Fault {
        Fault::new(message).at(self.source.position(at))
    }

    /// The rest of the part, shortened and quoted, for messages.
    pub(crate) fn snapshot(&self, begin: usize) -> String {
        let units: Vec<u16> = self
            .source
            .text(begin, self.end.min(begin + 40))
            .encode_utf16()
            .collect();
        if units.len() <= 32 {
            return quoted(&String::from_utf16_lossy(&units));
        }
        // The cut may split a surrogate pair, whose first half is then spelled out.
        match char::decode_utf16(units[..29].iter().copied()).last() {
            Some(Err(half)) => {
                let whole = quoted(&String::from_utf16_lossy(&units[..28]));
                format!("{}\\u{:x}...\"", &whole[..whole.len() - 1], half.unpaired_surrogate())
            }
            _ => quoted(&(String::from_utf16_lossy(&units[..29]) + "...")),
        }
    }

    pub(crate) fn matches(&self, word: &str) -> bool {
        word.chars()
            .enumerate()
            .all(|(i, c)| self.source.char(self.p + i) == Some(c))
    }

    /// Whether the characters before the position are `word`.
    fn behind(&self, word: &str) -> bool {
        let length = word.chars().count();
        self.p >= length
            && word
                .chars()
                .enumerate()
                .all(|(i, c)| self.source.char(self.p - length + i) == Some(c))
    }

    pub(crate) fn read_to(&mut self, word: &str) -> bool {
        while self.p < self.end {
            self.p += 1;
            if self.behind(word) {
                return true;
            }
        }
        false
    }

    fn read_to_delimiter(&mut self, delimiter: &str, respect_quotes: bool) -> bool {
        self.skip_blank();
        while self.p < self.end {
            if respect_quotes && self.next_is(is_quote) {
                self.quoted_end();
                continue;
            }
            self.p += 1;
            if self.behind(delimiter) {
                return true;
            }
        }
        false
    }

    /// Splits a whole template and applies the white space control.
    pub(crate) fn top_level(&mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        let mut raw_begin = None;
        while self.p < self.end {
            let token = if let Some(begin) = raw_begin {
                self.raw_or_endraw(begin, &mut raw_begin)?
            } else if self.matches("{%") {
                let token = self.tag()?;
                if token.tag_name() == Some("raw") {
                    raw_begin = Some(token.begin);
                }
                token
            } else if self.matches("{{") {
                self.output()?
            } else {
                self.text()
            };
            tokens.push(token);
        }
        trim(&mut tokens, self.source);
        Ok(tokens)
    }

    fn text(&mut self) -> Token {
        let begin = self.p;
        while self.p < self.end && !self.matches("{%") && !self.matches("{{") {
            self.p += 1;
        }
        Token {
            begin,
            end: self.p,
            kind: TokenKind::Text {
                trim_left: 0,
                trim_right: 0,
            },
        }
    }

    fn tag(&mut self) -> Result<Token, Fault> {
        let begin = self.p;
        if !self.read_to_delimiter("%}", false) {
            return Err(self.fault_at(format!("tag {} not closed", self.snapshot(begin)), begin));
        }
        self.tag_token(begin, self.p)
    }

    fn tag_token(&self, begin: usize, end: usize) -> Result<Token, Fault> {
        let inside = Inside::new(self.source, begin + 2, end - 2);
        self.named(begin, end, inside, "illegal tag syntax, tag name expected")
    }

    fn named(&self, begin: usize, end: usize, inside: Inside, complaint: &str) -> Result<Token, Fault> {
        let mut cursor = Cursor::new(self.source, inside.begin, inside.end);
        let name = cursor.tag_name();
        if name.is_empty() {
            return Err(cursor.fault(complaint));
        }
        cursor.skip_blank();
        Ok(Token {
            begin,
            end,
            kind: TokenKind::Tag {
                name,
                args: cursor.p,
                inside,
            },
        })
    }

    fn tag_name(&mut self) -> String {
        self.skip_blank();
        if self.source.char(self.p) == Some('#') {
            self.p += 1;
            return "#".into();
        }
        self.identifier()
    }

    fn output(&mut self) -> Result<Token, Fault> {
        let begin = self.p;
        if !self.read_to_delimiter("}}", true) {
            return Err(self.fault_at(format!("output {} not closed", self.snapshot(begin)), begin));
        }
        Ok(Token {
            begin,
            end: self.p,
            kind: TokenKind::Output(Inside::new(self.source, begin + 2, self.p - 2)),
        })
    }

    /// After `{% raw %}`: everything up to the closing tag as text, then that tag.
    fn raw_or_endraw(&mut self, raw_begin: usize, raw: &mut Option<usize>) -> Result<Token, Fault> {
        let begin = self.p;
        let tag_start = |cursor: &mut Self| cursor.read_to("{%").then(|| cursor.p - 2);
        let mut left = tag_start(self);
        while self.p < self.end {
            if self.identifier() != "endraw" {
                left = tag_start(self);
                continue;
            }
            while self.p <= self.end {
                if self.behind("%}") {
                    let Some(left) = left else { break };
                    if begin == left {
                        *raw = None;
                        return self.tag_token(begin, self.p);
                    }
                    self.p = left;
                    return Ok(Token {
                        begin,
                        end: left,
                        kind: TokenKind::Text {
                            trim_left: 0,
                            trim_right: 0,
                        },
                    });
                }
                if self.behind("{%") {
                    break;
                }
                self.p += 1;
            }
        }
        Err(self.fault_at(format!("raw {} not closed", self.snapshot(raw_begin)), begin))
    }

    /// The lines of a `liquid` tag.
    pub(crate) fn liquid_lines(&mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        while self.p < self.end {
            self.skip_blank();
            if self.at_end() {
                break;
            }
            let begin = self.p;
            self.read_to_delimiter("\n", false);
            let inside = Inside::new(self.source, begin, self.p);
            tokens.push(self.named(begin, self.p, inside, "illegal liquid tag syntax")?);
        }
        Ok(tokens)
    }
}

/// Text as a JSON string, for messages.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Marks the white space that `{%-` and its like remove from the text around them.
fn trim(tokens: &mut [Token], source: &Source) {
    let mut in_raw = false;
    for i in 0..tokens.len() {
        let (inside, name) = match &tokens[i].kind {
            TokenKind::Text { .. } => continue,
            TokenKind::Output(inside) => (*inside, ""),
            TokenKind::Tag { name, inside, .. } => (*inside, name.as_str()),
        };
        let (starts_raw, ends_raw) = (name == "raw", name == "endraw");
        if !in_raw && inside.trim_left && i > 0 {
            let token = &mut tokens[i - 1];
            if let TokenKind::Text { trim_right, .. } = &mut token.kind {
                let text = &source.chars[token.begin..token.end];
                *trim_right = text.iter().rev().take_while(|c| is_blank(**c)).count();
            }
        }
        in_raw = (in_raw || starts_raw) && !ends_raw;
        if !in_raw
            && inside.trim_right
            && let Some(token) = tokens.get_mut(i + 1)
            && let TokenKind::Text { trim_left, .. } = &mut token.kind
        {
            let text = &source.chars[token.begin..token.end];
            *trim_left = text.iter().take_while(|c| is_blank(**c)).count();
        }
    }
}
