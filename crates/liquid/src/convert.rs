//! Values as text, numbers and JSON, by JavaScript's rules.

use std::borrow::Cow;

use crate::error::Fault;
use crate::limits::Budget;
use crate::number;
use crate::value::{List, Value};

fn push(out: &mut String, text: &str, budget: &Budget) -> Result<(), Fault> {
    budget.memory(text.len())?;
    out.push_str(text);
    Ok(())
}

/// The text an output prints: nothing for `nil`, the elements of an array one after the other.
pub(crate) fn text<'v>(value: &'v Value<'_>, budget: &Budget) -> Result<Cow<'v, str>, Fault> {
    if let Value::Text(text) = value {
        budget.reading(text.len())?;
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::new();
    write_text(value, &mut out, budget)?;
    Ok(Cow::Owned(out))
}

fn write_text(value: &Value<'_>, out: &mut String, budget: &Budget) -> Result<(), Fault> {
    match value {
        Value::Undefined | Value::Null | Value::Nil | Value::Empty | Value::Blank => Ok(()),
        Value::List(list) => {
            budget.steps(1 + list.len())?;
            list.iter().try_for_each(|item| write_text(&item, out, budget))
        }
        Value::Loop(_) => write_string(&value.clone().plain(), out, budget),
        other => write_string(other, out, budget),
    }
}

/// The text of JavaScript's `String(value)`.
pub(crate) fn string(value: &Value<'_>, budget: &Budget) -> Result<String, Fault> {
    let mut out = String::new();
    write_string(value, &mut out, budget)?;
    Ok(out)
}

fn write_string(value: &Value<'_>, out: &mut String, budget: &Budget) -> Result<(), Fault> {
    match value {
        Value::Undefined => push(out, "undefined", budget),
        Value::Null => push(out, "null", budget),
        Value::Bool(b) => push(out, if *b { "true" } else { "false" }, budget),
        Value::Number(n) => push(out, &number::format(*n), budget),
        Value::Text(text) => push(out, text, budget),
        Value::List(list) => write_join(list, ",", out, budget),
        Value::Object(_) | Value::Nil | Value::Empty | Value::Blank | Value::Loop(_) => {
            push(out, "[object Object]", budget)
        }
    }
}

/// The text of JavaScript's `array.join(separator)`.
pub(crate) fn join(list: &List<'_>, separator: &str, budget: &Budget) -> Result<String, Fault> {
    let mut out = String::new();
    write_join(list, separator, &mut out, budget)?;
    Ok(out)
}

fn write_join(list: &List<'_>, separator: &str, out: &mut String, budget: &Budget) -> Result<(), Fault> {
    budget.steps(1 + list.len())?;
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            push(out, separator, budget)?;
        }
        if !item.is_nullish() {
            write_string(&item, out, budget)?;
        }
    }
    Ok(())
}

/// The number of JavaScript's `Number(value)`.
pub(crate) fn number(value: &Value<'_>, budget: &Budget) -> Result<f64, Fault> {
    Ok(match value {
        Value::Undefined | Value::Object(_) | Value::Loop(_) => f64::NAN,
        Value::Null | Value::Nil | Value::Empty | Value::Blank | Value::Bool(false) => 0.0,
        Value::Bool(true) => 1.0,
        Value::Number(n) => *n,
        Value::Text(text) => {
            budget.reading(text.len())?;
            number::parse(text)
        }
        Value::List(_) => number::parse(&string(value, budget)?),
    })
}

/// JavaScript's `left + right`: a sum of numbers, otherwise text.
pub(crate) fn add<'a>(left: &Value<'a>, right: &Value<'a>, budget: &Budget) -> Result<Value<'a>, Fault> {
    let (left, right) = (left.clone().plain(), right.clone().plain());
    let is_text = |value: &Value<'_>| matches!(value, Value::Text(_) | Value::List(_) | Value::Object(_));
    if is_text(&left) || is_text(&right) {
        let mut out = string(&left, budget)?;
        write_string(&right, &mut out, budget)?;
        return Ok(out.into());
    }
    Ok(Value::Number(number(&left, budget)? + number(&right, budget)?))
}

/// The text of JavaScript's `JSON.stringify`; nothing for `undefined`.
pub(crate) fn json(value: &Value<'_>, indent: &str, budget: &Budget) -> Result<Option<String>, Fault> {
    let mut out = String::new();
    Ok(write_json(value, indent, 0, &mut out, budget)?.then_some(out))
}

fn line(indent: &str, level: usize, out: &mut String, budget: &Budget) -> Result<(), Fault> {
    if indent.is_empty() {
        return Ok(());
    }
    push(out, "\n", budget)?;
    (0..level).try_for_each(|_| push(out, indent, budget))
}

fn write_json(value: &Value<'_>, indent: &str, level: usize, out: &mut String, budget: &Budget) -> Result<bool, Fault> {
    budget.steps(1)?;
    let entries = match value {
        Value::Undefined => return Ok(false),
        Value::Null => return push(out, "null", budget).map(|()| true),
        Value::Number(n) if !n.is_finite() => return push(out, "null", budget).map(|()| true),
        Value::Bool(_) | Value::Number(_) => return write_string(value, out, budget).map(|()| true),
        Value::Text(text) => return push(out, &quote(text), budget).map(|()| true),
        Value::List(list) => {
            push(out, "[", budget)?;
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    push(out, ",", budget)?;
                }
                line(indent, level + 1, out, budget)?;
                if !write_json(&item, indent, level + 1, out, budget)? {
                    push(out, "null", budget)?;
                }
            }
            if list.len() > 0 {
                line(indent, level, out, budget)?;
            }
            push(out, "]", budget)?;
            return Ok(true);
        }
        Value::Object(object) => object.entries(budget)?,
        Value::Loop(state) => state.fields(),
        Value::Nil | Value::Empty | Value::Blank => Vec::new(),
    };
    push(out, "{", budget)?;
    let mut first = true;
    for (key, value) in entries.iter().filter(|(_, value)| !matches!(value, Value::Undefined)) {
        if !first {
            push(out, ",", budget)?;
        }
        first = false;
        line(indent, level + 1, out, budget)?;
        push(out, &quote(key), budget)?;
        push(out, if indent.is_empty() { ":" } else { ": " }, budget)?;
        write_json(value, indent, level + 1, out, budget)?;
    }
    if !first {
        line(indent, level, out, budget)?;
    }
    push(out, "}", budget)?;
    Ok(true)
}

fn quote(text: &str) -> String {
    crate::lexer::quoted(text)
}
