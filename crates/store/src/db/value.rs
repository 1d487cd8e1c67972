//! One value type for both engines, so that a query is written once.

use campanile_model::{Id, Time};
use serde_json::Value;

use super::StoreError;

/// A parameter of a statement, or a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// No value.
    Null,
    /// A boolean; SQLite keeps it as 0 or 1.
    Bool(bool),
    /// A whole number; times are milliseconds.
    Int(i64),
    /// A text; ids and JSON are texts.
    Text(String),
    /// A list, for `{in:$n}`.
    List(Vec<Val>),
}

macro_rules! val_from {
    ($($type:ty => |$value:ident| $make:expr;)*) => {
        $(impl From<$type> for Val { fn from($value: $type) -> Self { $make } })*
    };
}

val_from! {
    bool => |v| Self::Bool(v);
    i64 => |v| Self::Int(v);
    i32 => |v| Self::Int(i64::from(v));
    u32 => |v| Self::Int(i64::from(v));
    u16 => |v| Self::Int(i64::from(v));
    usize => |v| Self::Int(i64::try_from(v).unwrap_or(i64::MAX));
    String => |v| Self::Text(v);
    &String => |v| Self::Text(v.clone());
    &str => |v| Self::Text(v.to_owned());
    Id => |v| Self::Text(v.to_string());
    &Id => |v| Self::Text(v.to_string());
    Time => |v| Self::Int(v.millis());
    Value => |v| Self::Text(v.to_string());
    &Value => |v| Self::Text(v.to_string());
}

impl<T: Into<Self>> From<Option<T>> for Val {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Val {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl Val {
    /// How many bytes the value holds, about: commits are bounded in bytes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) => 8,
            Self::Text(text) => 24 + text.len(),
            Self::List(list) => list.iter().map(Self::weight).sum(),
        }
    }
}

/// One row of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(crate) Vec<Val>);

impl Row {
    /// Reads the columns in the order of the statement's `SELECT`.
    pub fn columns(self) -> Columns {
        Columns {
            values: self.0.into_iter(),
            at: 0,
        }
    }
}

/// What can be made of a row; columns are read in the order of the `SELECT`.
pub trait FromRow: Sized {
    /// Reads the row.
    fn from_row(columns: &mut Columns) -> Result<Self, StoreError>;
}

/// The columns of a row, read one after another.
pub struct Columns {
    values: std::vec::IntoIter<Val>,
    at: usize,
}

impl Columns {
    fn next(&mut self) -> Val {
        self.at += 1;
        self.values.next().unwrap_or(Val::Null)
    }

    fn wrong(&self, wanted: &'static str) -> StoreError {
        StoreError::Corrupt(format!("column {} is not {wanted}", self.at))
    }

    /// A text.
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.opt_text()?.ok_or_else(|| self.wrong("a text"))
    }

    /// A text or nothing.
    pub fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            Val::Null => Ok(None),
            Val::Text(text) => Ok(Some(text)),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A whole number.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        self.opt_int()?.ok_or_else(|| self.wrong("a number"))
    }

    /// A whole number or nothing.
    pub fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next() {
            Val::Null => Ok(None),
            Val::Int(int) => Ok(Some(int)),
            _ => Err(self.wrong("a number")),
        }
    }

    /// A boolean.
    pub fn bool(&mut self) -> Result<bool, StoreError> {
        self.opt_bool()?.ok_or_else(|| self.wrong("a boolean"))
    }

    /// A boolean or nothing.
    pub fn opt_bool(&mut self) -> Result<Option<bool>, StoreError> {
        match self.next() {
            Val::Null => Ok(None),
            Val::Bool(value) => Ok(Some(value)),
            Val::Int(int) => Ok(Some(int != 0)),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// A time.
    pub fn time(&mut self) -> Result<Time, StoreError> {
        self.int().map(Time::from_millis)
    }

    /// A time or nothing.
    pub fn opt_time(&mut self) -> Result<Option<Time>, StoreError> {
        Ok(self.opt_int()?.map(Time::from_millis))
    }

    /// An id.
    pub fn id(&mut self) -> Result<Id, StoreError> {
        self.text()?.parse().map_err(|_| self.wrong("an id"))
    }

    /// An id or nothing; the empty text counts as nothing.
    pub fn opt_id(&mut self) -> Result<Option<Id>, StoreError> {
        match self.opt_text()? {
            Some(text) if !text.is_empty() => Ok(Some(text.parse().map_err(|_| self.wrong("an id"))?)),
            _ => Ok(None),
        }
    }

    /// A JSON value.
    pub fn json(&mut self) -> Result<Value, StoreError> {
        serde_json::from_str(&self.text()?).map_err(|_| self.wrong("JSON"))
    }

    /// A JSON value or nothing.
    pub fn opt_json(&mut self) -> Result<Option<Value>, StoreError> {
        match self.opt_text()? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text).map(Some).map_err(|_| self.wrong("JSON")),
        }
    }

    /// A JSON list of texts.
    pub fn texts(&mut self) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(&self.text()?).map_err(|_| self.wrong("a JSON list of texts"))
    }

    /// A value of a closed list.
    pub fn wire<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(&self.text()?).ok_or_else(|| self.wrong("a known word"))
    }

    /// The same, where there may be none.
    pub fn opt_wire<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        match self.opt_text()? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| self.wrong("a known word")),
        }
    }
}
