//! Numbers. Whatever is no number counts as 0; a missing argument makes the result NaN, as in JavaScript.

use super::arg;
use crate::error::Fault;
use crate::number;
use crate::render::{Outcome, Renderer};
use crate::value::Value;

const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The first argument as a number; NaN when there is none at all.
fn operand<'a>(r: &Renderer<'a>, args: &[Value<'a>]) -> Result<f64, Fault> {
    args.first().map_or(Ok(f64::NAN), |value| r.number(value))
}

pub(super) fn abs<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)?.abs()))
}

pub(super) fn at_least<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    args.iter()
        .try_fold(r.number(&input)?, |most, arg| Ok(most.max(r.number(arg)?)))
        .map(Value::Number)
}

pub(super) fn at_most<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    args.iter()
        .try_fold(r.number(&input)?, |least, arg| Ok(least.min(r.number(arg)?)))
        .map(Value::Number)
}

pub(super) fn ceil<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)?.ceil()))
}

pub(super) fn floor<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)?.floor()))
}

/// Divides; only with a true second argument is the result rounded down.
pub(super) fn divided_by<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let quotient = r.number(&input)? / operand(r, args)?;
    let whole = r.number(&arg(args, 1))? != 0.0;
    Ok(Value::Number(if whole { quotient.floor() } else { quotient }))
}

pub(super) fn minus<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)? - operand(r, args)?))
}

pub(super) fn plus<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)? + operand(r, args)?))
}

pub(super) fn times<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Number(r.number(&input)? * operand(r, args)?))
}

/// The remainder with the sign of the divisor.
pub(super) fn modulo<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (n, divisor) = (r.number(&input)?, operand(r, args)?);
    Ok(Value::Number(((n % divisor) + divisor) % divisor))
}

/// Rounds half away from zero to so many decimals.
pub(super) fn round<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let n = r.number(&input)?;
    let decimals = r.number(&arg(args, 0))?;
    let scaled = shift_decimal(n.abs(), decimals);
    // Beyond this every number is whole already; NaN comes from odd numbers of decimals.
    if scaled.is_nan() || scaled > MAX_SAFE_INTEGER {
        return Ok(Value::Number(n));
    }
    let rounded = shift_decimal(scaled.round(), -decimals);
    Ok(Value::Number(if n < 0.0 { -rounded } else { rounded }))
}

/// Moves the decimal point in the text of the number, because multiplying by a power of ten would not be exact.
fn shift_decimal(n: f64, places: f64) -> f64 {
    let text = number::format(n);
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    number::parse(&format!("{mantissa}e{}", number::format(number::parse(power) + places)))
}
