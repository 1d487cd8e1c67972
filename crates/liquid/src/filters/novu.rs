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
            single_quoted(value, "", budget)
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

pub(super) fn json<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let indent = misc::indent(r, &arg(args, 0))?;
    Ok(match &input {
        Value::List(_) | Value::Object(_) | Value::Loop(_) => single_quoted(&input, &indent, &r.budget)?.into(),
        other => convert::string(other, &r.budget)?.into(),
    })
}

/// The texts of the elements, or of what stands at a path inside each.
fn names<'a>(r: &Renderer<'a>, list: &List<'a>, path: &str) -> Result<Vec<String>, Fault> {
    let name = |item: Value<'a>| {
        if path.is_empty() {
            return convert::string(&item, &r.budget);
        }
        let value = path.split('.').fold(item, |value, key| match value {
            Value::List(_) | Value::Object(_) => value.own(key),
            _ => Value::Undefined,
        });
        Ok(match &value {
            Value::Undefined | Value::Null => String::new(),
            Value::List(_) | Value::Object(_) => convert::json(&value, "", &r.budget)?
                .filter(|json| json != "{}")
                .unwrap_or_default(),
            other => convert::string(other, &r.budget)?,
        })
    };
    r.budget.steps(list.len())?;
    list.iter().map(name).collect()
}

fn text_arg<'a>(r: &Renderer<'a>, args: &[Value<'a>], i: usize, default: &'static str) -> Result<String, Fault> {
    convert::text(&arg_or(args, i, Value::Text(Text::Data(default))), &r.budget).map(std::borrow::Cow::into_owned)
}

/// `Ann, Bob and 2 others`.
pub(super) fn digest<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Value::List(list) = &input else {
        return Ok(Value::empty_text());
    };
    let most = r.js_number(&arg_or(args, 0, Value::Number(2.0)).plain())?;
    let names = names(r, list, &text_arg(r, args, 1, "")?)?;
    let separator = text_arg(r, args, 2, ", ")?;
    let count = number::from_len(names.len());
    Ok(match names.as_slice() {
        [] => Value::empty_text(),
        [one] => one.clone().into(),
        [one, two] => format!("{one} and {two}").into(),
        [head @ .., last] if count <= most => format!("{} and {last}", head.join(&separator)).into(),
        all => {
            let others = count - most;
            let word = if number::same(others, 1.0) { "other" } else { "others" };
            let shown = all[..relative(most, all.len())].join(&separator);
            format!("{shown} and {} {word}", number::format(others)).into()
        }
    })
}

/// `Ann, Bob, and 2 others`, with every connecting word open to choice.
pub(super) fn to_sentence<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Value::List(list) = &input else {
        return Ok(Value::empty_text());
    };
    let names = names(r, list, &text_arg(r, args, 0, "")?)?;
    let limit = r.js_number(&arg_or(args, 1, Value::Number(2.0)).plain())?;
    let overflow = text_arg(r, args, 2, "other")?;
    let (words, two, last) = (
        text_arg(r, args, 3, ", ")?,
        text_arg(r, args, 4, " and ")?,
        text_arg(r, args, 5, ", and ")?,
    );
    let count = number::from_len(names.len());
    Ok(match names.as_slice() {
        [] => Value::empty_text(),
        [one] => one.clone().into(),
        [first, second] => format!("{first}{two}{second}").into(),
        [head @ .., final_name] if count <= limit => format!("{}{last}{final_name}", head.join(&words)).into(),
        all => {
            let others = count - limit;
            let connector = if number::same(limit, 1.0) { two } else { last };
            let shown = all[..relative(limit, all.len())].join(&words);
            format!(
                "{shown}{connector}{} {}",
                number::format(others),
                plural::agree(&overflow, others)
            )
            .into()
        }
    })
}

/// `3 notifications`; nothing when there is nothing to count.
pub(super) fn pluralize<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let count = match input.plain() {
        Value::Undefined | Value::Null => return Ok(Value::empty_text()),
        Value::List(list) => number::from_len(list.len()),
        Value::Object(object) => number::from_len(object.len()),
        other => r.js_number(&other)?,
    };
    if count.is_nan() || count <= 0.0 {
        return Ok(Value::empty_text());
    }
    let (singular, plural) = (text_arg(r, args, 0, "")?, text_arg(r, args, 1, "")?);
    let word = match (plural.is_empty(), number::same(count, 1.0)) {
        (true, _) => plural::agree(&singular, count),
        (false, true) => singular,
        (false, false) => plural,
    };
    let only_word = text_arg(r, args, 2, "true")? == "false";
    Ok(if only_word {
        word
    } else {
        format!("{} {word}", number::format(count))
    }
    .into())
}
