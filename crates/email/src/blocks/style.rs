//! `style` attributes.

use serde_json::Value;

use crate::escape;

/// The declarations of one element, in their order.
#[derive(Default)]
pub(super) struct Style(String);

impl Style {
    /// Declarations written out.
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// More declarations, written out.
    pub(super) fn and(mut self, text: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(';');
        }
        self.0.push_str(text);
        self
    }

    /// One more declaration.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let value = value.trim();
        if value.is_empty() {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push(';');
        }
        self.0.push_str(name);
        self.0.push(':');
        // What an author chose stays one declaration.
        self.0.extend(value.chars().filter(|c| !matches!(c, ';' | '{' | '}')));
        self
    }

    /// One more, of a length: a bare number means pixels.
    pub(super) fn with_length(self, name: &str, value: &Value) -> Self {
        match length(value) {
            Some(text) => self.with(name, &text),
            None => self,
        }
    }

    /// The attribute with a blank before it, or nothing.
    pub(super) fn push_to(&self, out: &mut String) {
        if !self.0.is_empty() {
            out.push_str(" style=\"");
            escape::push(out, &self.0);
            out.push('"');
        }
    }
}

/// A length as CSS has it.
pub(super) fn length(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => Some("0".to_owned()),
        Value::Number(number) => Some(format!("{number}px")),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
