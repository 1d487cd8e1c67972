//! Arrays. Anything that is no array counts as an array of one, nothing as an empty one.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{arg, arg_or};
use crate::ast::{Filtered, Operand};
use crate::compare;
use crate::convert;
use crate::error::Fault;
use crate::lexer::{Cursor, Source};
use crate::number;
use crate::render::{Outcome, Renderer, relative};
use crate::value::{List, Value, utf16_len};

pub(super) fn join<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    let separator = arg(args, 0).plain();
    let separator = if separator.is_nullish() {
        " ".into()
    } else {
        r.text(&separator)?
    };
    Ok(convert::join(&list, &separator, &r.budget)?.into())
}

pub(super) fn first<'a>(_: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(end_of(&input.plain(), |_| 0))
}

pub(super) fn last<'a>(_: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(end_of(&input.plain(), |length| length.saturating_sub(1)))
}

/// An element of an array or a character of a text; other values give an empty text.
fn end_of<'a>(value: &Value<'a>, position: fn(usize) -> usize) -> Value<'a> {
    match value {
        Value::List(list) => list.get(position(list.len())),
        Value::Text(text) if !text.is_empty() => value.own(&position(utf16_len(text)).to_string()),
        Value::Object(object) => match object.get("length") {
            Value::Number(length) => value.own(&position(number::to_index(length)).to_string()),
            _ => Value::empty_text(),
        },
        _ => Value::empty_text(),
    }
}

pub(super) fn reverse<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(list.iter().rev().collect())
}

pub(super) fn size<'a>(_: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let length = match &input {
        Value::Loop(_) => input.property("length"),
        other => other.own("length"),
    };
    Ok(if length.is_js_truthy() {
        length
    } else {
        Value::Number(0.0)
    })
}

// ---- order ---------------------------------------------------------------------------------------------------------

pub(super) fn sort<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    sort_by(r, input, &arg(args, 0), |r, left, right| {
        Ok(compare::order(left, right, &r.budget)?.unwrap_or(Ordering::Equal))
    })
}

pub(super) fn sort_natural<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    sort_by(r, input, &arg(args, 0), |r, left, right| {
        let left = convert::string(left, &r.budget)?.to_lowercase();
        let right = convert::string(right, &r.budget)?.to_lowercase();
        Ok(compare::text_order(&left, &right))
    })
}

type Compare<'a> = fn(&Renderer<'a>, &Value<'a>, &Value<'a>) -> Result<Ordering, Fault>;

fn sort_by<'a>(r: &mut Renderer<'a>, input: Value<'a>, property: &Value<'a>, compare: Compare<'a>) -> Outcome<'a> {
    let list = r.items(input)?;
    let path = if property.is_js_truthy() {
        Some(r.text(property)?)
    } else {
        None
    };
    let mut pairs = Vec::with_capacity(list.len());
    for item in list.iter() {
        let key = match &path {
            Some(path) => r.follow(&item, path)?,
            None => item.clone(),
        };
        pairs.push((key, item));
    }
    let by_key = |left: &(Value<'a>, Value<'a>), right: &(Value<'a>, Value<'a>)| match (
        left.0.is_nullish(),
        right.0.is_nullish(),
    ) {
        (true, true) => Ok(Ordering::Equal),
        (true, false) => Ok(Ordering::Greater),
        (false, true) => Ok(Ordering::Less),
        (false, false) => compare(r, &left.0, &right.0),
    };
    let sorted = merge_sort(pairs, &by_key)?;
    r.list(sorted.into_iter().map(|(_, item)| item).collect())
}

/// Values of mixed types have no consistent order, for which the standard sort may panic; and for up to 63 elements the
/// outcome is to be the one of V8, which then extends a run by binary insertion.
fn merge_sort<T>(mut items: Vec<T>, compare: &impl Fn(&T, &T) -> Result<Ordering, Fault>) -> Result<Vec<T>, Fault> {
    if items.len() < 64 {
        return insertion_sort(items, compare);
    }
    let right = items.split_off(items.len() / 2);
    let (left, right) = (merge_sort(items, compare)?, merge_sort(right, compare)?);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(b, a)? == Ordering::Less {
            right.next()
        } else {
            left.next()
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn insertion_sort<T>(items: Vec<T>, compare: &impl Fn(&T, &T) -> Result<Ordering, Fault>) -> Result<Vec<T>, Fault> {
    let mut run = 1;
    let descending = items.len() > 1 && compare(&items[1], &items[0])? == Ordering::Less;
    while run < items.len() && (compare(&items[run], &items[run - 1])? == Ordering::Less) == descending {
        run += 1;
    }
    let mut rest = items.into_iter();
    let mut sorted: Vec<T> = rest.by_ref().take(run).collect();
    if descending {
        sorted.reverse();
    }
    for item in rest {
        let (mut low, mut high) = (0, sorted.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if compare(&item, &sorted[middle])? == Ordering::Less {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        sorted.insert(low, item);
    }
    Ok(sorted)
}

// ---- elements ------------------------------------------------------------------------------------------------------

pub(super) fn map<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    let property = arg(args, 0);
    let path = r.text(&property)?;
    let values = list
        .iter()
        .map(|item| r.follow(&item, &path))
        .collect::<Result<_, _>>()?;
    r.list(values)
}

pub(super) fn sum<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let property = arg(args, 0);
    let path = if property.is_js_truthy() {
        Some(r.text(&property)?)
    } else {
        None
    };
    let mut sum = 0.0;
    for item in r.items(input)?.iter() {
        let n = match &path {
            Some(path) => r.js_number(&r.follow(&item, path)?)?,
            None => r.js_number(&item)?,
        };
        sum += if n.is_nan() { 0.0 } else { n };
    }
    Ok(Value::Number(sum))
}

pub(super) fn compact<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(list.iter().filter(|item| !item.clone().plain().is_nullish()).collect())
}

pub(super) fn concat<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (left, right) = (r.items(input)?, r.items(arg(args, 0))?);
    r.list(left.iter().chain(right.iter()).collect())
}

pub(super) fn push<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(list.iter().chain([arg(args, 0)]).collect())
}

pub(super) fn unshift<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(std::iter::once(arg(args, 0)).chain(list.iter()).collect())
}

pub(super) fn pop<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(list.iter().take(list.len().saturating_sub(1)).collect())
}

pub(super) fn shift<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    r.list(list.iter().skip(1).collect())
}

pub(super) fn slice<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (begin_arg, length_arg) = (arg(args, 0).plain(), arg_or(args, 1, Value::Number(1.0)).plain());
    let (mut begin, length) = (r.js_number(&begin_arg)?, r.js_number(&length_arg)?);
    let input = input.plain();
    if input.is_nullish() {
        return r.list(Vec::new());
    }
    let Value::List(list) = &input else {
        let text = r.text(&input)?;
        if begin < 0.0 {
            begin += number::from_len(text.chars().count());
        }
        if begin < 0.0 || length < 0.0 {
            return Ok(Value::empty_text());
        }
        let skipped = super::string::prefix(&text, begin).len();
        return Ok(super::string::prefix(&text[skipped..], length).to_owned().into());
    };
    let mut start = begin_arg;
    if begin < 0.0 {
        begin += number::from_len(list.len());
        start = Value::Number(begin);
    }
    if begin < 0.0 || length < 0.0 {
        return r.list(Vec::new());
    }
    // JavaScript adds before it converts, so numbers given as text are glued together.
    let end = convert::add(&start, &length_arg, &r.budget)?;
    let end = relative(r.js_number(&end)?, list.len());
    let start = relative(begin, list.len());
    r.list((start..end).map(|i| list.get(i)).collect())
}

/// What a set or map of JavaScript takes for the same value.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Text(String),
    Number(u64),
    Bool(bool),
    Address(usize),
    Other(&'static str),
}

fn identity(value: &Value<'_>) -> Identity {
    match value {
        Value::Text(text) => Identity::Text(text.to_string()),
        Value::Number(n) if n.is_nan() => Identity::Other("NaN"),
        // Adding zero turns -0 into 0.
        Value::Number(n) => Identity::Number((n + 0.0).to_bits()),
        Value::Bool(b) => Identity::Bool(*b),
        Value::Undefined => Identity::Other("undefined"),
        Value::Null => Identity::Other("null"),
        Value::Nil => Identity::Other("nil"),
        Value::Empty => Identity::Other("empty"),
        Value::Blank => Identity::Other("blank"),
        other => other.address().map_or(Identity::Other("object"), Identity::Address),
    }
}

pub(super) fn uniq<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    let mut seen = HashSet::new();
    r.list(list.iter().filter(|item| seen.insert(identity(item))).collect())
}

// ---- searching by property -----------------------------------------------------------------------------------------

fn property_path(text: &str) -> Result<Option<Operand>, Fault> {
    let source = Source::new(text);
    Cursor::new(&source, 0, source.len()).scope_value()
}

/// Tests elements by a property, compared with a value or, without one, by its truth.
fn tests<'a>(
    r: &mut Renderer<'a>,
    list: &List<'a>,
    args: &[Value<'a>],
    mut each: impl FnMut(usize, Value<'a>, bool) -> bool,
) -> Result<(), Fault> {
    let property = arg(args, 0);
    let path = property_path(&r.text(&property)?)?;
    let expected = arg(args, 1);
    for (i, item) in list.iter().enumerate() {
        let value = r.look_into(&item, path.as_ref())?;
        let holds = match &expected {
            Value::Undefined => value.is_truthy(),
            expected => compare::equal(&value, expected, &r.budget)?,
        };
        if !each(i, item, holds) {
            break;
        }
    }
    Ok(())
}

fn filter<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>], wanted: bool) -> Outcome<'a> {
    let list = r.items(input)?;
    let mut kept = Vec::new();
    tests(r, &list, args, |_, item, holds| {
        if holds == wanted {
            kept.push(item);
        }
        true
    })?;
    r.list(kept)
}

fn search<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Result<Option<(usize, Value<'a>)>, Fault> {
    let list = r.items(input)?;
    let mut found = None;
    tests(r, &list, args, |i, item, holds| {
        if holds {
            found = Some((i, item));
        }
        !holds
    })?;
    Ok(found)
}

pub(super) fn filter_where<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    filter(r, input, args, true)
}

pub(super) fn reject<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    filter(r, input, args, false)
}

pub(super) fn find<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(search(r, input, args)?.map_or(Value::Undefined, |(_, item)| item))
}

pub(super) fn find_index<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(search(r, input, args)?.map_or(Value::Undefined, |(i, _)| Value::count(i)))
}

pub(super) fn has<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Bool(search(r, input, args)?.is_some()))
}

/// Groups in the order of their first elements.
fn grouped<'a>(r: &Renderer<'a>, pairs: Vec<(Value<'a>, Value<'a>)>) -> Outcome<'a> {
    let mut places = HashMap::new();
    let mut groups: Vec<(Value<'a>, Vec<Value<'a>>)> = Vec::new();
    for (key, item) in pairs {
        let place = *places.entry(identity(&key)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, items)) => items.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    let group = |(name, items)| Value::object(vec![("name", name), ("items", r.list(items)?)], &r.budget);
    r.list(groups.into_iter().map(group).collect::<Result<_, _>>()?)
}

pub(super) fn group_by<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let items = input.into_items(&r.budget)?;
    let property = arg(args, 0);
    let path = property_path(&r.text(&property)?)?;
    let mut pairs = Vec::new();
    for item in items.iter() {
        pairs.push((r.look_into(&item, path.as_ref())?, item));
    }
    grouped(r, pairs)
}

// ---- searching by expression ---------------------------------------------------------------------------------------

/// The two arguments of an `_exp` filter: the name of the element and the expression over it.
fn expression<'a>(r: &Renderer<'a>, args: &[Value<'a>]) -> Result<(Arc<str>, Filtered), Fault> {
    let name = convert::string(&arg(args, 0), &r.budget)?;
    let text = arg(args, 1);
    let source = Source::new(&r.text(&text)?);
    Ok((name.into(), Cursor::new(&source, 0, source.len()).filtered()?))
}

fn filter_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>], wanted: bool) -> Outcome<'a> {
    let (name, expression) = expression(r, args)?;
    let mut kept = Vec::new();
    for item in r.items(input)?.iter() {
        // Only a result that is exactly true or false counts.
        if matches!(r.with_item(&name, item.clone(), &expression)?, Value::Bool(result) if result == wanted) {
            kept.push(item);
        }
    }
    r.list(kept)
}

fn search_exp<'a>(
    r: &mut Renderer<'a>,
    input: Value<'a>,
    args: &[Value<'a>],
) -> Result<Option<(usize, Value<'a>)>, Fault> {
    let (name, expression) = expression(r, args)?;
    for (i, item) in r.items(input)?.iter().enumerate() {
        if r.with_item(&name, item.clone(), &expression)?.is_js_truthy() {
            return Ok(Some((i, item)));
        }
    }
    Ok(None)
}

pub(super) fn where_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    filter_exp(r, input, args, true)
}

pub(super) fn reject_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    filter_exp(r, input, args, false)
}

pub(super) fn find_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(search_exp(r, input, args)?.map_or(Value::Undefined, |(_, item)| item))
}

pub(super) fn find_index_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(search_exp(r, input, args)?.map_or(Value::Undefined, |(i, _)| Value::count(i)))
}

pub(super) fn has_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Bool(search_exp(r, input, args)?.is_some()))
}

pub(super) fn group_by_exp<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (name, expression) = expression(r, args)?;
    let items = input.into_items(&r.budget)?;
    let mut pairs = Vec::new();
    for item in items.iter() {
        pairs.push((r.with_item(&name, item.clone(), &expression)?, item));
    }
    grouped(r, pairs)
}
