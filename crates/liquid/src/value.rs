//! The values templates work with, and how properties are read from them.

use std::borrow::Borrow;
use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::Fault;
use crate::limits::Budget;
use crate::number;

static NO_ITEMS: Vec<Json> = Vec::new();

/// A JavaScript value. What comes from the caller's data is borrowed, never copied.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Text<'a>),
    List(List<'a>),
    Object(Object<'a>),
    /// The words `nil`, `empty` and `blank`, which compare in their own ways.
    Nil,
    Empty,
    Blank,
    Loop(Rc<LoopState<'a>>),
}

#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    Data(&'a str),
    Made(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Self::Data(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    /// The vector and not its slice, because empty slices have no address of their own.
    Data(&'a Vec<Json>),
    Made(Rc<Made<Value<'a>>>),
}

#[derive(Clone, Debug)]
pub(crate) enum Object<'a> {
    Data(&'a Map<String, Json>),
    Made(Rc<Made<(&'static str, Value<'a>)>>),
}

/// Something a template built; `depth` bounds the recursion of everything that walks it.
#[derive(Debug)]
pub(crate) struct Made<T> {
    pub(crate) items: Vec<T>,
    pub(crate) depth: u32,
}

/// The `forloop` and `tablerowloop` objects.
#[derive(Debug)]
pub(crate) struct LoopState<'a> {
    pub(crate) i: Cell<usize>,
    pub(crate) length: usize,
    pub(crate) name: String,
    /// Only tables have columns.
    pub(crate) cols: Option<Value<'a>>,
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => Self::Number(n.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Text::Data(text)),
            Json::Array(items) => Self::List(List::Data(items)),
            Json::Object(map) => Self::Object(Object::Data(map)),
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Text::Made(text.into()))
    }
}

impl From<&Arc<str>> for Value<'_> {
    fn from(text: &Arc<str>) -> Self {
        Self::Text(Text::Made(Arc::clone(text)))
    }
}

impl<'a> Value<'a> {
    pub(crate) fn empty_text() -> Self {
        Self::Text(Text::Data(""))
    }

    pub(crate) fn count(n: usize) -> Self {
        Self::Number(number::from_len(n))
    }

    /// Makes an array, paying for it.
    pub(crate) fn list(items: Vec<Self>, budget: &Budget) -> Result<Self, Fault> {
        Ok(Self::List(List::made(items, budget)?))
    }

    pub(crate) fn object(items: Vec<(&'static str, Self)>, budget: &Budget) -> Result<Self, Fault> {
        budget.memory(48 * items.len())?;
        let depth = 1 + items.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
        budget.depth(depth)?;
        Ok(Self::Object(Object::Made(Rc::new(Made { items, depth }))))
    }

    fn depth(&self) -> u32 {
        match self {
            Self::List(List::Made(made)) => made.depth,
            Self::Object(Object::Made(made)) => made.depth,
            _ => 0,
        }
    }

    /// `null` and `undefined`.
    pub(crate) fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// Liquid's truth: only `nil` and `false` are false.
    pub(crate) fn is_truthy(&self) -> bool {
        !matches!(self, Self::Undefined | Self::Null | Self::Nil | Self::Bool(false))
    }

    /// JavaScript's truth, which some tags use where one would not expect it.
    pub(crate) fn is_js_truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null | Self::Bool(false) => false,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Text(text) => !text.is_empty(),
            _ => true,
        }
    }

    /// Turns the special words and loop objects into plain values.
    pub(crate) fn plain(self) -> Self {
        match self {
            Self::Nil => Self::Null,
            Self::Empty | Self::Blank => Self::empty_text(),
            Self::Loop(state) => state.json().into(),
            other => other,
        }
    }

    /// The value as an array: nothing is empty, anything else is its own single element.
    pub(crate) fn into_list(self) -> List<'a> {
        match self.plain() {
            Self::Undefined | Self::Null => List::Data(&NO_ITEMS),
            Self::List(list) => list,
            other => List::single(other),
        }
    }

    /// What a loop runs over: objects give pairs of key and value.
    pub(crate) fn into_items(self, budget: &Budget) -> Result<List<'a>, Fault> {
        match self.plain() {
            Self::List(list) => Ok(list),
            Self::Text(text) if !text.is_empty() => Ok(List::single(Self::Text(text))),
            Self::Object(object) => {
                let pair = |(key, value)| Self::list(vec![Self::Text(key), value], budget);
                let pairs = object
                    .entries(budget)?
                    .into_iter()
                    .map(pair)
                    .collect::<Result<_, _>>()?;
                List::made(pairs, budget)
            }
            _ => Ok(List::Data(&NO_ITEMS)),
        }
    }

    /// Reads an own property by name, without the additions of [`Value::property`].
    pub(crate) fn own(&self, key: &str) -> Self {
        match self {
            Self::Object(object) => object.get(key),
            Self::List(list) if key == "length" => Self::count(list.len()),
            Self::List(list) => number::canonical_index(key).map_or(Self::Undefined, |i| list.get(i)),
            Self::Text(text) if key == "length" => Self::count(utf16_len(text)),
            Self::Text(text) => number::canonical_index(key).map_or(Self::Undefined, |i| text_unit(text, i)),
            _ => Self::Undefined,
        }
    }

    /// Reads a property as templates see it: `size`, `first` and `last` exist where they make sense.
    pub(crate) fn property(&self, key: &str) -> Self {
        match self {
            Self::Undefined | Self::Null => return self.clone(),
            Self::Nil | Self::Empty | Self::Blank => return Self::Undefined,
            Self::Loop(state) => return state.property(key),
            _ => {}
        }
        let own = self.own(key);
        if !matches!(own, Self::Undefined) {
            return own;
        }
        match (key, self) {
            ("size", Self::List(list)) => Self::count(list.len()),
            ("size", Self::Text(text)) => Self::count(utf16_len(text)),
            ("size", Self::Object(object)) => Self::count(object.len()),
            ("first", Self::List(list)) => list.get(0),
            ("last", Self::List(list)) => list.last(),
            _ => Self::Undefined,
        }
    }

    /// Identity as `===` sees it for arrays and objects.
    pub(crate) fn address(&self) -> Option<usize> {
        fn of<T: ?Sized>(pointer: *const T) -> usize {
            pointer.cast::<()>() as usize
        }
        match self {
            Self::List(List::Data(items)) => Some(of(*items)),
            Self::List(List::Made(made)) => Some(of(Rc::as_ptr(made))),
            Self::Object(Object::Data(map)) => Some(of(*map)),
            Self::Object(Object::Made(made)) => Some(of(Rc::as_ptr(made))),
            Self::Loop(state) => Some(of(Rc::as_ptr(state))),
            _ => None,
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn made(items: Vec<Value<'a>>, budget: &Budget) -> Result<Self, Fault> {
        budget.memory(32 * items.len())?;
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
        budget.depth(depth)?;
        Ok(Self::Made(Rc::new(Made { items, depth })))
    }

    pub(crate) fn single(value: Value<'a>) -> Self {
        let depth = 1 + value.depth();
        Self::Made(Rc::new(Made {
            items: vec![value],
            depth,
        }))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Data(items) => items.len(),
            Self::Made(made) => made.items.len(),
        }
    }

    pub(crate) fn get(&self, i: usize) -> Value<'a> {
        match self {
            Self::Data(items) => items.get(i).map_or(Value::Undefined, Value::from),
            Self::Made(made) => made.items.get(i).cloned().unwrap_or(Value::Undefined),
        }
    }

    pub(crate) fn last(&self) -> Value<'a> {
        self.len().checked_sub(1).map_or(Value::Undefined, |i| self.get(i))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Value<'a>> + ExactSizeIterator + '_ {
        (0..self.len()).map(|i| self.get(i))
    }
}

impl<'a> Object<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Data(map) => map.len(),
            Self::Made(made) => made.items.len(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Value<'a> {
        match self {
            Self::Data(map) => map.get(key).map_or(Value::Undefined, Value::from),
            Self::Made(made) => made
                .items
                .iter()
                .find(|(name, _)| *name == key)
                .map_or(Value::Undefined, |(_, value)| value.clone()),
        }
    }

    /// The entries in JavaScript's order: keys that look like array indexes come first, ascending.
    pub(crate) fn entries(&self, budget: &Budget) -> Result<Vec<(Text<'a>, Value<'a>)>, Fault> {
        budget.steps(1 + self.len() / 8)?;
        let mut entries: Vec<_> = match self {
            Self::Data(map) => map
                .iter()
                .map(|(key, value)| (Text::Data(key.as_str()), Value::from(value)))
                .collect(),
            Self::Made(made) => made
                .items
                .iter()
                .map(|(key, value)| (Text::Data(key), value.clone()))
                .collect(),
        };
        if entries.iter().any(|(key, _)| number::canonical_index(key).is_some()) {
            entries.sort_by_key(|(key, _)| number::canonical_index(key).unwrap_or(usize::MAX));
        }
        Ok(entries)
    }
}

impl<'a> LoopState<'a> {
    fn property(&self, key: &str) -> Value<'a> {
        let i = self.i.get();
        match key {
            "i" | "index0" => Value::count(i),
            "index" => Value::count(i + 1),
            "first" => Value::Bool(i == 0),
            "last" => Value::Bool(i + 1 == self.length),
            "rindex" => Value::Number(number::from_len(self.length) - number::from_len(i)),
            "rindex0" => Value::Number(number::from_len(self.length) - number::from_len(i) - 1.0),
            "length" => Value::count(self.length),
            "name" => self.name.clone().into(),
            "cols" => self.cols.clone().unwrap_or(Value::Undefined),
            _ if self.cols.is_none() => Value::Undefined,
            "row" => Value::Number(self.row()),
            "col0" => Value::Number(self.col0()),
            "col" => Value::Number(self.col0() + 1.0),
            "col_first" => Value::Bool(self.col0() == 0.0),
            // Compared without conversion, so columns given as text never have a last one.
            "col_last" => {
                Value::Bool(matches!(self.cols, Some(Value::Number(cols)) if number::same(self.col0() + 1.0, cols)))
            }
            _ => Value::Undefined,
        }
    }

    fn columns(&self) -> f64 {
        match &self.cols {
            Some(Value::Number(cols)) => *cols,
            Some(Value::Text(text)) => number::parse(text),
            Some(Value::Bool(true)) => 1.0,
            _ => f64::NAN,
        }
    }

    pub(crate) fn row(&self) -> f64 {
        (number::from_len(self.i.get()) / self.columns()).floor() + 1.0
    }

    pub(crate) fn col0(&self) -> f64 {
        number::from_len(self.i.get()) % self.columns()
    }

    /// The fields that show when the object itself is printed.
    pub(crate) fn fields(&self) -> Vec<(Text<'a>, Value<'a>)> {
        let mut fields = vec![
            (Text::Data("i"), Value::count(self.i.get())),
            (Text::Data("length"), Value::count(self.length)),
            (Text::Data("name"), self.name.clone().into()),
        ];
        fields.extend(self.cols.clone().map(|cols| (Text::Data("cols"), cols)));
        fields
    }

    fn json(&self) -> String {
        let cols = match &self.cols {
            Some(Value::Text(text)) => format!(",\"cols\":{}", crate::lexer::quoted(text)),
            Some(Value::Bool(b)) => format!(",\"cols\":{b}"),
            Some(_) => format!(",\"cols\":{}", number::format(self.columns())),
            None => String::new(),
        };
        let name = crate::lexer::quoted(&self.name);
        format!(
            "{{\"i\":{},\"length\":{},\"name\":{name}{cols}}}",
            self.i.get(),
            self.length
        )
    }
}

/// The length JavaScript gives a string.
pub(crate) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

fn text_unit<'a>(text: &str, i: usize) -> Value<'a> {
    let unit = if text.is_ascii() {
        text.as_bytes().get(i).map(|b| u16::from(*b))
    } else {
        text.encode_utf16().nth(i)
    };
    // Half of a surrogate pair has no UTF-8 form and becomes the replacement character.
    unit.map_or(Value::Undefined, |unit| String::from_utf16_lossy(&[unit]).into())
}
