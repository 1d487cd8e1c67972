//! The parsed form of a template.

use std::sync::Arc;

use crate::error::Position;
use crate::filters::FilterFn;

/// One piece of a template and where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Text(String),
    Output(Filtered),
    Echo(Option<Filtered>),
    Assign {
        name: Arc<str>,
        value: Filtered,
    },
    Capture {
        name: Arc<str>,
        body: Vec<Node>,
    },
    If(Conditional),
    Unless(Conditional),
    Case {
        subject: Filtered,
        branches: Vec<When>,
        otherwise: Vec<Node>,
    },
    For(Box<Loop>),
    Tablerow(Box<Loop>),
    Increment(Arc<str>),
    Decrement(Arc<str>),
    Cycle(Box<Cycle>),
    /// The lines of a `liquid` tag.
    Liquid(Vec<Node>),
    Raw(String),
    Break,
    Continue,
    /// Comments leave nothing behind.
    Nothing,
}

/// Branches of `if` and `unless`; the first test of `unless` is negated by the renderer.
#[derive(Debug)]
pub(crate) struct Conditional {
    pub(crate) branches: Vec<(Filtered, Vec<Node>)>,
    pub(crate) otherwise: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct When {
    pub(crate) values: Vec<Operand>,
    pub(crate) body: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) variable: Arc<str>,
    pub(crate) collection: Operand,
    /// The source of `collection`, which is part of the names of `forloop` and of `offset: continue`.
    pub(crate) collection_text: String,
    /// `limit: 2` and the like; without a value the option is set to true.
    pub(crate) options: Vec<(String, Option<Operand>)>,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) group: Option<Operand>,
    pub(crate) fingerprint: String,
    pub(crate) candidates: Vec<Filtered>,
}

/// An expression followed by filters.
#[derive(Debug)]
pub(crate) struct Filtered {
    pub(crate) expression: Expression,
    pub(crate) filters: Vec<FilterCall>,
}

impl Filtered {
    /// A trailing `raw` filter switches off the escaping of outputs.
    pub(crate) fn is_raw(&self) -> bool {
        self.filters.last().is_some_and(|filter| &*filter.name == "raw")
    }
}

#[derive(Debug)]
pub(crate) struct FilterCall {
    pub(crate) name: Arc<str>,
    pub(crate) stock: Option<FilterFn>,
    /// Novu's filter of that name; whether it counts is an option of the rendering.
    pub(crate) novu: Option<FilterFn>,
    pub(crate) args: Vec<Argument>,
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) key: Option<Arc<str>>,
    pub(crate) value: Option<Operand>,
}

/// Operands and operators in postfix order, evaluated on a stack.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) postfix: Vec<Item>,
}

#[derive(Debug)]
pub(crate) enum Item {
    Operand(Operand),
    Operator(Operator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Contains,
    Not,
    And,
    Or,
}

impl Operator {
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::And | Self::Or => 0,
            Self::Not => 1,
            _ => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    True,
    False,
    Nil,
    Empty,
    Blank,
}

#[derive(Debug)]
pub(crate) enum Operand {
    Literal(Literal),
    Number(f64),
    /// A quoted string, or a name used as a property.
    Text(Arc<str>),
    Path(Box<Path>),
    Range(Box<(Operand, Operand)>),
}

/// `a.b[c]`; `base` is set when the path starts at a literal, otherwise the first property is looked up in scope.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) at: Position,
    pub(crate) base: Option<Operand>,
    pub(crate) properties: Vec<Operand>,
}
