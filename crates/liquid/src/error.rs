//! What can go wrong: a template that cannot be read, and one that cannot be rendered.

use std::error::Error;
use std::fmt;

/// A place in the source of a template; both numbers start at 1, columns count UTF-16 units as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// The source is not a valid template. Prints as LiquidJS does: `message, line:1, col:2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, without the place.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line:{}, col:{}", self.message, self.line, self.column)
    }
}

impl Error for ParseError {}

/// Why a rendering stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderErrorKind {
    /// The template asked for something impossible, for example an unknown time zone.
    Template,
    /// One of the [`Limits`](crate::Limits) was reached.
    Limit,
}

/// A valid template could not be rendered. Prints as LiquidJS does: `message, line:1, col:2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// Whether the template or a limit is the cause.
    pub kind: RenderErrorKind,
    /// What went wrong, without the place.
    pub message: String,
    /// The line of the tag or output that failed, from 1.
    pub line: u32,
    /// The column of the tag or output that failed, from 1.
    pub column: u32,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line:{}, col:{}", self.message, self.line, self.column)
    }
}

impl Error for RenderError {}

/// An error on its way out; the place is added by the innermost tag that sees it without one.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: RenderErrorKind,
    pub(crate) message: String,
    pub(crate) at: Option<Position>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            kind: RenderErrorKind::Template,
            message: message.into(),
            at: None,
        }
    }

    pub(crate) fn limit(what: &str) -> Self {
        Self {
            kind: RenderErrorKind::Limit,
            message: format!("{what} limit exceeded"),
            at: None,
        }
    }

    pub(crate) fn at(mut self, position: Position) -> Self {
        self.at.get_or_insert(position);
        self
    }

    pub(crate) fn into_parse_error(self) -> ParseError {
        let at = self.at.unwrap_or(Position { line: 1, column: 1 });
        ParseError {
            message: self.message,
            line: at.line,
            column: at.column,
        }
    }

    pub(crate) fn into_render_error(self) -> RenderError {
        let at = self.at.unwrap_or(Position { line: 1, column: 1 });
        RenderError {
            kind: self.kind,
            message: self.message,
            line: at.line,
            column: at.column,
        }
    }
}
