//! The filters Novu adds, and the way its outputs print.

use super::{arg, arg_or, misc, plural};
use crate::convert;
use crate::error::Fault;
use crate::limits::Budget;
use crate::number;
use crate::render::{Outcome, Output, Renderer, relative};
use crate::value::{List, Text, Value};

/// Prints a value the way Novu's engine does in the given place.
pub(crate) fn print(value: &Value<'_>, output: Output, budget: &Budget) -> Result<String, Fault> {
    match value {
        Value::List(_) | Value::Object(_) | Value::Loop(_) | Value::Nil | Value::Empty | Value::Blank => {
            let text = single_quoted(value, "", budget)?;
            Ok(match output {
                Output::NovuControls => without_escaped_quotes(&text),
                _ => text,
            })
        }
        Value::Text(text) if output == Output::NovuControls => {
            let mut out = String::with_capacity(text.len() + 8);
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '"' => out.push_str("\\\""),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    other => out.push(other),
                }
            }
            Ok(out)
        }
        other => Ok(convert::text(other, budget)?.into_owned()),
    }
}

/// JSON that can stand inside a JSON string: single quotes, no line breaks.
fn single_quoted(value: &Value<'_>, indent: &str, budget: &Budget) -> Result<String, Fault> {
    let json = convert::json(value, indent, budget)?.unwrap_or_default();
    Ok(json.replace('"', "'").replace('\n', "\\n"))
}

/// A quote that was escaped is `\'` by now, which JSON does not know; the original mends that afterwards.
fn without_escaped_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('\\', Some('\'')) => {}
            ('\\', Some(next)) => {
                out.push(c);
                out.push(next);
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

pub(super) fn json<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let indent = misc::indent(r, &arg(args, 0))?;
    Ok(match &input {
        Value::Undefined | Value::Null => Value::empty_text(),
        Value::List(_) | Value::Object(_) | Value::Loop(_) | Value::Nil | Value::Empty | Value::Blank => {
            single_quoted(&input, &indent, &r.budget)?.into()
        }
        other => convert::string(other, &r.budget)?.into(),
    })
}

/// The elements, or the texts of what stands at a path inside each.
fn names<'a>(r: &Renderer<'a>, list: &List<'a>, path: &Value<'a>) -> Result<Vec<Value<'a>>, Fault> {
    r.budget.steps(list.len())?;
    if !path.is_js_truthy() {
        return Ok(list.iter().collect());
    }
    let name = |item: Value<'a>| {
        if !matches!(item, Value::List(_) | Value::Object(_)) {
            return Ok(Value::empty_text());
        }
        let Value::Text(path) = path else {
            return Err(Fault::new("the path of a name must be text"));
        };
        let value = path.split('.').fold(item, |value, key| match value {
            Value::List(_) | Value::Object(_) => value.own(key),
            _ => Value::Undefined,
        });
        Ok(match &value {
            Value::Undefined | Value::Null => Value::empty_text(),
            Value::List(_) | Value::Object(_) => convert::json(&value, "", &r.budget)?
                .filter(|json| json != "{}")
                .unwrap_or_default()
                .into(),
            other => convert::string(other, &r.budget)?.into(),
        })
    };
    list.iter().map(name).collect()
}

/// JavaScript's `String` of an argument.
fn string_arg<'a>(r: &Renderer<'a>, args: &[Value<'a>], i: usize, default: &'static str) -> Result<String, Fault> {
    convert::string(&arg_or(args, i, Value::Text(Text::Data(default))).plain(), &r.budget)
}

/// What JavaScript's `join` takes: an absent separator is a comma there, but `null` is the word.
fn joined<'a>(r: &Renderer<'a>, names: &[Value<'a>], separator: &str) -> Result<String, Fault> {
    convert::join(&List::made(names.to_vec(), &r.budget)?, separator, &r.budget)
}

/// How many names are shown, and how many are not.
fn split(most: f64, all: usize) -> (usize, f64) {
    let shown = if most.is_nan() { 0 } else { relative(most, all) };
    (shown, number::from_len(all) - most)
}

/// `Ann, Bob and 2 others`.
pub(super) fn digest<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Value::List(list) = &input else {
        return Ok(Value::empty_text());
    };
    let most = r.js_number(&arg_or(args, 0, Value::Number(2.0)).plain())?;
    let names = names(r, list, &arg(args, 1).plain())?;
    let separator = string_arg(r, args, 2, ", ")?;
    let string = |value: &Value<'a>| convert::string(value, &r.budget);
    Ok(match names.as_slice() {
        [] => Value::empty_text(),
        [one] => one.clone(),
        [one, two] => format!("{} and {}", string(one)?, string(two)?).into(),
        [head @ .., last] if most >= number::from_len(names.len()) => {
            format!("{} and {}", joined(r, head, &separator)?, string(last)?).into()
        }
        all => {
            let (shown, others) = split(most, all.len());
            let word = if number::same(others, 1.0) { "other" } else { "others" };
            let shown = joined(r, all.get(..shown).unwrap_or_default(), &separator)?;
            format!("{shown} and {} {word}", number::format(others)).into()
        }
    })
}

/// `Ann, Bob, and 2 others`, with every connecting word open to choice.
pub(super) fn to_sentence<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Value::List(list) = &input else {
        return Ok(Value::empty_text());
    };
    let names = names(r, list, &arg(args, 0).plain())?;
    let limit = arg_or(args, 1, Value::Number(2.0)).plain();
    let is_one = matches!(limit, Value::Number(n) if number::same(n, 1.0));
    let limit = r.js_number(&limit)?;
    let (words, two, last) = (
        string_arg(r, args, 3, ", ")?,
        string_arg(r, args, 4, " and ")?,
        string_arg(r, args, 5, ", and ")?,
    );
    let string = |value: &Value<'a>| convert::string(value, &r.budget);
    Ok(match names.as_slice() {
        [] => Value::empty_text(),
        [one] => one.clone(),
        [first, second] => format!("{}{two}{}", string(first)?, string(second)?).into(),
        [head @ .., final_name] if limit >= number::from_len(names.len()) => {
            format!("{}{last}{}", joined(r, head, &words)?, string(final_name)?).into()
        }
        all => {
            let (shown, others) = split(limit, all.len());
            let connector = if is_one { two } else { last };
            let shown = joined(r, all.get(..shown).unwrap_or_default(), &words)?;
            let word = word(r, &arg_or(args, 2, Value::Text(Text::Data("other"))), others)?;
            format!("{shown}{connector}{} {word}", number::format(others)).into()
        }
    })
}

/// A word in the number that agrees with a count.
fn word<'a>(r: &Renderer<'a>, word: &Value<'a>, count: f64) -> Result<String, Fault> {
    match word {
        Value::Text(word) => {
            r.budget.reading(word.len())?;
            Ok(plural::agree(word, count))
        }
        _ => Err(Fault::new("the word to be counted must be text")),
    }
}

/// `3 notifications`; nothing when there is nothing to count.
pub(super) fn pluralize<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let count = match input {
        // What JavaScript sees of these words is an object without members.
        Value::Undefined | Value::Null | Value::Nil | Value::Empty | Value::Blank => return Ok(Value::empty_text()),
        input => match input.plain() {
            Value::List(list) => number::from_len(list.len()),
            Value::Object(object) => number::from_len(object.len()),
            other => r.js_number(&other)?,
        },
    };
    if count.is_nan() || count <= 0.0 {
        return Ok(Value::empty_text());
    }
    let singular = arg_or(args, 0, Value::empty_text()).plain();
    let plural = arg(args, 1).plain();
    let word = match (plural.is_js_truthy(), number::same(count, 1.0)) {
        (false, _) => word(r, &singular, count)?.into(),
        (true, true) => singular,
        (true, false) => plural,
    };
    let with_count = match arg(args, 2) {
        Value::Undefined => true,
        Value::Text(flag) => &*flag == "true",
        _ => false,
    };
    if !with_count {
        return Ok(word);
    }
    Ok(format!("{} {}", number::format(count), convert::string(&word, &r.budget)?).into())
}
