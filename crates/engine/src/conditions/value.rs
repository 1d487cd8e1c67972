//! The values of a running rule, with JavaScript's ideas of equality and conversion.

use std::borrow::Cow;
use std::rc::Rc;

use campanile_liquid::script;
use serde_json::{Map, Number, Value, json};

/// A value: of the data or the rule, or made on the way.
#[derive(Clone, Debug)]
pub(super) enum Item<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// A list of the data.
    List(&'a [Value]),
    /// A list that the rule made.
    Made(Rc<Made<'a>>),
    Object(&'a Map<String, Value>),
    /// What a reducing rule sees.
    Pair(Rc<Pair<'a>>),
}

/// A list that the rule made, and how deep lists nest in it.
#[derive(Debug)]
pub(super) struct Made<'a> {
    items: Vec<Item<'a>>,
    depth: usize,
}

/// An element of a list that is reduced, and the result so far.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    current: Item<'a>,
    accumulator: Item<'a>,
    depth: usize,
}

impl<'a> Item<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items),
            Value::Object(members) => Self::Object(members),
        }
    }

    pub(super) fn made(items: Vec<Self>) -> Self {
        let depth = 1 + items.iter().map(Self::depth).max().unwrap_or(0);
        Self::Made(Rc::new(Made { items, depth }))
    }

    pub(super) fn pair(current: Self, accumulator: Self) -> Self {
        let depth = 1 + current.depth().max(accumulator.depth());
        Self::Pair(Rc::new(Pair {
            current,
            accumulator,
            depth,
        }))
    }

    /// How deep made values nest in this one.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Made(list) => list.depth,
            Self::Pair(pair) => pair.depth,
            _ => 0,
        }
    }

    pub(super) fn text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// The elements, if this is a list.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.iter().map(Self::of).collect()),
            Self::Made(list) => Some(list.items.clone()),
            _ => None,
        }
    }

    /// What is in a value that the rule made.
    pub(super) fn inner(&self) -> impl Iterator<Item = &Self> {
        let (list, pair) = match self {
            Self::Made(list) => (list.items.as_slice(), None),
            Self::Pair(pair) => ([].as_slice(), Some([&pair.current, &pair.accumulator])),
            _ => ([].as_slice(), None),
        };
        list.iter().chain(pair.into_iter().flatten())
    }

    /// The member of this name, own members only: `length` of texts and lists is one.
    pub(super) fn member(&self, name: &str) -> Self {
        let length = |length: usize| Self::Number(from_length(length));
        match self {
            Self::Object(members) => members.get(name).map_or(Self::Undefined, Self::of),
            Self::Pair(pair) => match name {
                "current" => pair.current.clone(),
                "accumulator" => pair.accumulator.clone(),
                _ => Self::Undefined,
            },
            Self::List(items) if name == "length" => length(items.len()),
            Self::Made(list) if name == "length" => length(list.items.len()),
            Self::Text(text) if name == "length" => length(text.encode_utf16().count()),
            Self::List(items) => index(name)
                .and_then(|at| items.get(at))
                .map_or(Self::Undefined, Self::of),
            Self::Made(list) => index(name)
                .and_then(|at| list.items.get(at))
                .cloned()
                .unwrap_or(Self::Undefined),
            Self::Text(text) => {
                let unit = index(name).and_then(|at| text.encode_utf16().nth(at));
                unit.map_or(Self::Undefined, |unit| Self::text(String::from_utf16_lossy(&[unit])))
            }
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) => Self::Undefined,
        }
    }

    /// Truth as JSON logic has it: an empty list is false.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::List(items) => !items.is_empty(),
            Self::Made(list) => !list.items.is_empty(),
            other => other.is_truthy_in_script(),
        }
    }

    /// Truth as JavaScript has it: a list is true.
    pub(super) fn is_truthy_in_script(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => !number.is_nan() && *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Made(_) | Self::Object(_) | Self::Pair(_) => true,
        }
    }

    /// `===`: lists and objects are equal to themselves only.
    #[expect(clippy::float_cmp, reason = "JavaScript compares numbers exactly, too")]
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::List(one), Self::List(other)) => std::ptr::eq(*one, *other),
            (Self::Made(one), Self::Made(other)) => Rc::ptr_eq(one, other),
            (Self::Object(one), Self::Object(other)) => std::ptr::eq(*one, *other),
            (Self::Pair(one), Self::Pair(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Whether a list `includes` it: as `===`, and NaN is itself.
    pub(super) fn same_or_both_nan(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Number(one), Self::Number(other)) if one.is_nan() && other.is_nan())
            || self.same(other)
    }

    /// `Number(value)`.
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Undefined | Self::Object(_) | Self::Pair(_) => f64::NAN,
            Self::Null | Self::Bool(false) => 0.0,
            Self::Bool(true) => 1.0,
            Self::Number(number) => *number,
            Self::Text(text) => script::number_of(text),
            Self::List(_) | Self::Made(_) => script::number_of(&self.string()),
        }
    }

    /// `String(value)`.
    pub(super) fn string(&self) -> Cow<'_, str> {
        match self {
            Self::Undefined => "undefined".into(),
            Self::Null => "null".into(),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Number(number) => script::text_of(*number).into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(items) => join(items.iter().map(Item::of), ",").into(),
            Self::Made(list) => join(list.items.iter().cloned(), ",").into(),
            Self::Object(_) | Self::Pair(_) => "[object Object]".into(),
        }
    }

    /// The moment of `new Date(value)`, in milliseconds since 1970.
    pub(super) fn moment(&self) -> Option<f64> {
        match self {
            Self::Undefined => None,
            Self::Null | Self::Bool(_) | Self::Number(_) => {
                let millis = self.number().trunc();
                (millis.abs() <= 8.64e15).then_some(millis)
            }
            _ => script::date_of(&self.string()),
        }
    }

    /// About how much memory the value takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(Cow::Owned(text)) => text.len(),
            Self::Made(list) => 1 + list.items.len() * size_of::<Self>(),
            _ => 1,
        }
    }

    pub(super) fn into_json(self) -> Value {
        match self {
            Self::Undefined | Self::Null => Value::Null,
            Self::Bool(value) => value.into(),
            Self::Number(number) => {
                whole(number).unwrap_or_else(|| Number::from_f64(number).map_or(Value::Null, Value::Number))
            }
            Self::Text(text) => text.into_owned().into(),
            Self::List(items) => items.to_vec().into(),
            Self::Made(list) => list.items.iter().cloned().map(Self::into_json).collect(),
            Self::Object(members) => members.clone().into(),
            Self::Pair(pair) => {
                let (current, accumulator) = (pair.current.clone(), pair.accumulator.clone());
                json!({ "current": current.into_json(), "accumulator": accumulator.into_json() })
            }
        }
    }
}

/// A whole number without fraction, as JSON prints it.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
fn whole(number: f64) -> Option<Value> {
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    is_whole.then(|| Value::from(number as i64))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of values in memory are far below 2^53"
)]
pub(super) fn from_length(length: usize) -> f64 {
    length as f64
}

/// The position that a name means in a list.
fn index(name: &str) -> Option<usize> {
    let canonical = name == "0" || (!name.starts_with('0') && name.bytes().all(|digit| digit.is_ascii_digit()));
    canonical.then(|| name.parse().ok()).flatten()
}

/// `list.join(separator)`: null and nothing are empty.
pub(super) fn join<'a>(items: impl Iterator<Item = Item<'a>>, separator: &str) -> String {
    let mut text = String::new();
    for (at, item) in items.enumerate() {
        if at > 0 {
            text.push_str(separator);
        }
        if !matches!(item, Item::Undefined | Item::Null) {
            text.push_str(&item.string());
        }
    }
    text
}
