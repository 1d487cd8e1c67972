//! Defaults, conversions and JSON.

use super::{arg, arg_or};
use crate::convert;
use crate::error::Fault;
use crate::number;
use crate::render::{Outcome, Renderer};
use crate::value::Value;

pub(super) fn default<'a>(_: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let fallback = arg(args, 0);
    let use_fallback = match input.clone().plain() {
        Value::Text(text) => text.is_empty(),
        Value::List(list) => list.len() == 0,
        Value::Bool(false) => !allows_false(args.get(1..).unwrap_or_default())?,
        other => !other.is_truthy(),
    };
    Ok(if use_fallback { fallback } else { input.plain() })
}

fn allows_false(pairs: &[Value<'_>]) -> Result<bool, Fault> {
    let mut allowed = false;
    for pair in pairs {
        let Value::List(pair) = pair else {
            return Err(Fault::new("default expects named arguments after its value"));
        };
        if matches!(pair.get(0), Value::Text(name) if &*name == "allow_false") {
            allowed = pair.get(1).is_js_truthy();
        }
    }
    Ok(allowed)
}

/// What `JSON.stringify` takes as its last argument: a number of spaces or a text, ten characters at most.
pub(super) fn indent<'a>(r: &Renderer<'a>, space: &Value<'a>) -> Result<String, Fault> {
    Ok(match space {
        Value::Number(n) => " ".repeat(number::to_index(n.min(10.0))),
        Value::Text(_) => r.text(space)?.chars().take(10).collect(),
        _ => String::new(),
    })
}

pub(super) fn json<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let indent = indent(r, &arg_or(args, 0, Value::Number(0.0)))?;
    Ok(convert::json(&input, &indent, &r.budget)?.map_or(Value::Undefined, Value::from))
}

pub(super) fn to_integer<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.js_number(&input)?))
}

pub(super) fn raw<'a>(_: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(input)
}
