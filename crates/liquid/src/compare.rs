//! Equality and order of values.

use std::cmp::Ordering;

use crate::convert;
use crate::error::Fault;
use crate::limits::Budget;
use crate::number::{self, is_space};
use crate::value::Value;

/// The `==` of templates.
pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<bool, Fault> {
    budget.steps(1)?;
    Ok(match (left, right) {
        (Value::Blank, Value::Nil) => true,
        (Value::Nil, other) | (other, Value::Nil) => matches!(other, Value::Undefined | Value::Null | Value::Nil),
        (Value::Empty | Value::Blank, Value::Empty) | (Value::Empty, Value::Blank) => false,
        (Value::Blank, other) | (other, Value::Blank) => match other {
            Value::Bool(false) | Value::Undefined | Value::Null => true,
            Value::Text(text) => {
                budget.reading(text.len())?;
                text.chars().all(is_space)
            }
            other => is_empty(other),
        },
        (Value::Empty, other) | (other, Value::Empty) => is_empty(other),
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(&left, &right, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Loop(_), _) | (_, Value::Loop(_)) => {
            return equal(&left.clone().plain(), &right.clone().plain(), budget);
        }
        _ => identical(left, right, budget)?,
    })
}

/// JavaScript's `===`.
pub(crate) fn identical(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<bool, Fault> {
    Ok(match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => number::same(*left, *right),
        (Value::Text(left), Value::Text(right)) => {
            budget.reading(left.len().min(right.len()))?;
            **left == **right
        }
        (Value::Object(_), Value::Object(_)) | (Value::List(_), Value::List(_)) => left.address() == right.address(),
        _ => false,
    })
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::List(list) => list.len() == 0,
        Value::Object(object) => object.len() == 0,
        _ => false,
    }
}

/// The order of two values as JavaScript's `<` and `>` see it; nothing when neither holds.
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<Option<Ordering>, Fault> {
    budget.steps(1)?;
    if let (Value::Number(left), Value::Number(right)) = (left, right) {
        return Ok(left.partial_cmp(right));
    }
    let (left, right) = (primitive(left, budget)?, primitive(right, budget)?);
    if let (Value::Text(left), Value::Text(right)) = (&left, &right) {
        budget.reading(left.len().min(right.len()))?;
        return Ok(Some(text_order(left, right)));
    }
    Ok(convert::number(&left, budget)?.partial_cmp(&convert::number(&right, budget)?))
}

fn primitive<'a>(value: &Value<'a>, budget: &Budget) -> Result<Value<'a>, Fault> {
    Ok(match value.clone().plain() {
        value @ (Value::List(_) | Value::Object(_)) => convert::string(&value, budget)?.into(),
        value => value,
    })
}

/// JavaScript compares UTF-16 units, which differs from UTF-8 beyond the basic plane.
pub(crate) fn text_order(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        left.cmp(right)
    } else {
        left.encode_utf16().cmp(right.encode_utf16())
    }
}

/// The comparisons of templates; the special words are never more or less than anything.
pub(crate) fn holds(left: &Value<'_>, right: &Value<'_>, wanted: &[Ordering], budget: &Budget) -> Result<bool, Fault> {
    let special = |value: &Value<'_>| matches!(value, Value::Nil | Value::Empty | Value::Blank);
    if special(left) || special(right) {
        return Ok(false);
    }
    Ok(order(left, right, budget)?.is_some_and(|order| wanted.contains(&order)))
}

/// The `contains` of templates: a part of a text, or an element of an array.
pub(crate) fn contains(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<bool, Fault> {
    match left.clone().plain() {
        Value::List(list) => {
            for item in list.iter() {
                if equal(&item, right, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Text(text) => {
            budget.reading(text.len())?;
            Ok(text.contains(&convert::string(&right.clone().plain(), budget)?))
        }
        _ => Ok(false),
    }
}
