//! Reads what stands inside tags and outputs: values, paths, operators, filters.

use crate::ast::{Argument, Expression, FilterCall, Filtered, Item, Literal, Operand, Operator, Path};
use crate::error::Fault;
use crate::filters;
use crate::lexer::{Cursor, is_quote, is_word};
use crate::limits::MAX_EXPRESSION_DEPTH;

impl Cursor<'_> {
    pub(crate) fn identifier(&mut self) -> String {
        self.skip_blank();
        let begin = self.p;
        while self.next_is(is_word) {
            self.p += 1;
        }
        self.source.text(begin, self.p)
    }

    pub(crate) fn filtered(&mut self) -> Result<Filtered, Fault> {
        let expression = self.expression()?;
        if expression.postfix.is_empty() {
            return Err(self.fault(format!("invalid value expression: {}", self.snapshot(self.p))));
        }
        let mut filters = Vec::new();
        while let Some(filter) = self.filter()? {
            filters.push(filter);
        }
        Ok(Filtered { expression, filters })
    }

    fn expression(&mut self) -> Result<Expression, Fault> {
        let mut postfix = Vec::new();
        let mut waiting: Vec<Operator> = Vec::new();
        while self.p < self.end {
            if let Some(operator) = self.operator() {
                // Operators of equal rank stay on the stack: `a or b and c` reads from the right.
                while let Some(top) = waiting.pop_if(|top| top.precedence() > operator.precedence()) {
                    postfix.push(Item::Operator(top));
                }
                waiting.push(operator);
            } else if let Some(operand) = self.value()? {
                postfix.push(Item::Operand(operand));
            } else {
                break;
            }
        }
        postfix.extend(waiting.into_iter().rev().map(Item::Operator));
        Ok(Expression { postfix })
    }

    fn keyword<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        self.skip_blank();
        for (word, meaning) in words {
            let length = word.len();
            if self.p + length > self.end || !self.matches(word) {
                continue;
            }
            let needs_boundary = word.ends_with(is_word);
            if needs_boundary && self.peek(length).is_some_and(is_word) {
                continue;
            }
            self.p += length;
            return Some(*meaning);
        }
        None
    }

    fn operator(&mut self) -> Option<Operator> {
        self.keyword(&[
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            (">=", Operator::GreaterEqual),
            ("<=", Operator::LessEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
            ("contains", Operator::Contains),
            ("not", Operator::Not),
            ("and", Operator::And),
            ("or", Operator::Or),
        ])
    }

    fn literal(&mut self) -> Option<Literal> {
        self.keyword(&[
            ("true", Literal::True),
            ("false", Literal::False),
            ("nil", Literal::Nil),
            ("null", Literal::Nil),
            ("empty", Literal::Empty),
            ("blank", Literal::Blank),
        ])
    }

    fn filter(&mut self) -> Result<Option<FilterCall>, Fault> {
        self.skip_blank();
        if matches!(self.peek(0), None | Some(')' | ',')) {
            return Ok(None);
        }
        let bar = self.source.char(self.p) == Some('|');
        self.p += 1;
        if !bar {
            return Err(self.fault("expected \"|\" before filter"));
        }
        let name = self.identifier();
        if name.is_empty() {
            if !self.at_end() {
                return Err(self.fault("expected filter name"));
            }
            return Ok(None);
        }
        let mut args = Vec::new();
        self.skip_blank();
        match self.peek(0) {
            Some(':') => loop {
                self.p += 1;
                args.extend(self.filter_arg()?);
                self.skip_blank();
                match self.peek(0) {
                    Some(',') => {}
                    None | Some('|' | ')') => break,
                    _ => return Err(self.fault(format!("unexpected character {}", self.snapshot(self.p)))),
                }
            },
            None | Some('|' | ')' | ',') => {}
            _ => return Err(self.fault("expected \":\" after filter name")),
        }
        let (stock, novu) = (filters::stock(&name), filters::novu(&name));
        Ok(Some(FilterCall {
            name: name.into(),
            stock,
            novu,
            args,
        }))
    }

    fn filter_arg(&mut self) -> Result<Option<Argument>, Fault> {
        self.skip_blank();
        let begin = self.p;
        let Some(value) = self.value()? else { return Ok(None) };
        let end = self.p;
        self.skip_blank();
        if self.peek(0) != Some(':') {
            return Ok(Some(Argument {
                key: None,
                value: Some(value),
            }));
        }
        self.p += 1;
        Ok(Some(Argument {
            key: Some(self.source.text(begin, end).into()),
            value: self.value()?,
        }))
    }

    /// `name: value` pairs after the collection of a loop.
    pub(crate) fn options(&mut self) -> Result<Vec<(String, Option<Operand>)>, Fault> {
        let mut options: Vec<(String, Option<Operand>)> = Vec::new();
        loop {
            self.skip_blank();
            if self.peek(0) == Some(',') {
                self.p += 1;
            }
            let name = self.identifier();
            if name.is_empty() {
                return Ok(options);
            }
            self.skip_blank();
            let mut value = None;
            if self.peek(0) == Some(':') {
                self.p += 1;
                value = self.value()?;
            }
            // The last one of a name wins, in the place of the first.
            match options.iter_mut().find(|(other, _)| *other == name) {
                Some(option) => option.1 = value,
                None => options.push((name, value)),
            }
        }
    }

    pub(crate) fn value(&mut self) -> Result<Option<Operand>, Fault> {
        self.skip_blank();
        self.depth += 1;
        if self.depth > MAX_EXPRESSION_DEPTH {
            return Err(self.fault("expression is nested too deeply"));
        }
        let begin = self.p;
        let mut base = if let Some(literal) = self.literal() {
            Some(Operand::Literal(literal))
        } else if let Some(text) = self.string() {
            Some(Operand::Text(text.into()))
        } else {
            self.number().map(Operand::Number)
        };
        if base.is_none() && self.peek(0) == Some('(') {
            base = Some(self.range()?);
        }
        let properties = self.properties(base.is_none())?;
        self.depth -= 1;
        if properties.is_empty() {
            return Ok(base);
        }
        Ok(Some(Operand::Path(Box::new(Path {
            at: self.source.position(begin),
            base,
            properties,
        }))))
    }

    pub(crate) fn value_or_fault(&mut self) -> Result<Operand, Fault> {
        match self.value()? {
            Some(value) => Ok(value),
            None => Err(self.fault(format!("unexpected token {}, value expected", self.snapshot(self.p)))),
        }
    }

    /// A path that starts with a name, as the property arguments of `where` and its like are.
    pub(crate) fn scope_value(&mut self) -> Result<Option<Operand>, Fault> {
        self.skip_blank();
        let begin = self.p;
        let properties = self.properties(true)?;
        if properties.is_empty() {
            return Ok(None);
        }
        Ok(Some(Operand::Path(Box::new(Path {
            at: self.source.position(begin),
            base: None,
            properties,
        }))))
    }

    fn properties(&mut self, at_start: bool) -> Result<Vec<Operand>, Fault> {
        let mut properties = Vec::new();
        loop {
            if self.peek(0) == Some('[') {
                self.p += 1;
                let property = self.value()?.unwrap_or_else(|| Operand::Text("".into()));
                if !self.read_to("]") {
                    return Err(self.fault("[ not closed"));
                }
                properties.push(property);
                continue;
            }
            let dotted = self.peek(0) == Some('.') && self.peek(1) != Some('.');
            if at_start && properties.is_empty() {
                let name = self.identifier();
                if !name.is_empty() {
                    properties.push(Operand::Text(name.into()));
                    continue;
                }
            }
            if !dotted {
                return Ok(properties);
            }
            self.p += 1;
            let name = self.identifier();
            if name.is_empty() {
                return Ok(properties);
            }
            properties.push(Operand::Text(name.into()));
        }
    }

    fn number(&mut self) -> Option<f64> {
        self.skip_blank();
        let mut length = usize::from(matches!(self.peek(0), Some('-' | '+')));
        let (mut digits, mut point) = (false, false);
        loop {
            match self.peek(length) {
                Some('0'..='9') => digits = true,
                Some('.') if self.peek(length + 1) != Some('.') => {
                    if point || !digits {
                        return None;
                    }
                    point = true;
                }
                _ => break,
            }
            length += 1;
        }
        if !digits || self.peek(length).is_some_and(is_word) {
            return None;
        }
        let text = self.source.text(self.p, self.p + length);
        self.p += length;
        Some(crate::number::parse(&text))
    }

    fn range(&mut self) -> Result<Operand, Fault> {
        self.p += 1;
        let low = self.value_or_fault()?;
        self.skip_blank();
        if self.peek(0) != Some('.') || self.peek(1) != Some('.') {
            return Err(self.fault("invalid range syntax"));
        }
        self.p += 2;
        let high = self.value_or_fault()?;
        self.skip_blank();
        let closed = self.source.char(self.p) == Some(')');
        self.p += 1;
        if !closed {
            return Err(self.fault("invalid range syntax"));
        }
        Ok(Operand::Range(Box::new((low, high))))
    }

    pub(crate) fn quoted_end(&mut self) {
        let quote = self.peek(0);
        self.p += 1;
        let mut escaped = false;
        while self.p < self.end {
            let c = self.source.char(self.p);
            self.p += 1;
            if c == quote && !escaped {
                return;
            }
            escaped = !escaped && c == Some('\\');
        }
    }

    /// A quoted string without its quotes and escapes.
    pub(crate) fn string(&mut self) -> Option<String> {
        self.skip_blank();
        if !self.next_is(is_quote) {
            return None;
        }
        let begin = self.p;
        self.quoted_end();
        Some(unescape(&self.source.chars[begin..self.p.min(self.source.len())]))
    }
}

/// Resolves the escapes of a string literal; `quoted` includes the quotes.
fn unescape(quoted: &[char]) -> String {
    // Escapes can name halves of a surrogate pair, so the text is put together in UTF-16.
    let mut units: Vec<u16> = Vec::with_capacity(quoted.len());
    let mut buffer = [0; 2];
    let number = |from: usize, most: usize, radix: u32| {
        let mut value = 0;
        let mut i = from;
        while i < from + most {
            let Some(digit) = quoted.get(i).and_then(|c| c.to_digit(radix)) else {
                break;
            };
            value = value * radix + digit;
            i += 1;
        }
        (u16::try_from(value).unwrap_or(u16::MAX), i)
    };
    let mut i = 1;
    while i + 1 < quoted.len() {
        if quoted[i] != '\\' {
            units.extend_from_slice(quoted[i].encode_utf16(&mut buffer));
            i += 1;
            continue;
        }
        let simple = match quoted[i + 1] {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'u' => {
                let (unit, next) = number(i + 2, 4, 16);
                units.push(unit);
                i = next;
                continue;
            }
            '0'..='7' => {
                let (unit, next) = number(i + 1, 3, 8);
                units.push(unit);
                i = next;
                continue;
            }
            other => other,
        };
        units.extend_from_slice(simple.encode_utf16(&mut buffer));
        i += 2;
    }
    String::from_utf16_lossy(&units)
}
