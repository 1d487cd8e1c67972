//! Conditions: JSON logic with the operators of the original (engine.md d.5). Pure: a rule, data and the time in, a
//! result out.
//!
//! The specification is the package `json-logic-js` with the original's own comparisons, JavaScript's conversions
//! included; the test `jsonlogic` runs both against each other. No crate is faithful to that: those there are refuse
//! what JavaScript converts, judge empty objects otherwise, and keep `==` and `<` to themselves. What a rule may do is
//! bounded, because rules and data are written by strangers.

pub mod filters;
mod logic;
mod operators;
mod value;

use std::fmt;

use campanile_model::Time;
use serde_json::{Map, Value};

use logic::Machine;
use value::Item;

/// Why a rule has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failed to evaluate rule: {}", self.0)
    }
}

impl std::error::Error for Fault {}

/// The operators that rules may use.
pub const OPERATORS: &[&str] = &[
    "if",
    "?:",
    "and",
    "or",
    "!",
    "!!",
    "==",
    "=",
    "!=",
    "===",
    "!==",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "min",
    "max",
    "cat",
    "substr",
    "in",
    "merge",
    "var",
    "missing",
    "missing_some",
    "map",
    "filter",
    "reduce",
    "all",
    "some",
    "none",
    "log",
    "startsWith",
    "endsWith",
    "contains",
    "doesNotContain",
    "doesNotBeginWith",
    "doesNotEndWith",
    "null",
    "notNull",
    "notIn",
    "between",
    "notBetween",
    "containsAny",
    "doesNotContainAny",
    "moreThanXAgo",
    "lessThanXAgo",
    "withinLast",
    "notWithinLast",
    "exactlyXAgo",
];

/// What the rule makes of the data. What JSON cannot say (no value, not a number) is null.
pub fn evaluate(rule: &Value, data: &Value, now: Time) -> Result<Value, Fault> {
    let mut machine = Machine::new(now);
    let result = machine.apply(rule, &Item::of(data))?;
    machine.pay_for(&result)?;
    Ok(result.into_json())
}

/// Whether the data passes the rule, as a step's condition is read: whatever JavaScript takes for true passes, and so
/// does a rule that says nothing.
pub fn passes(rule: &Value, data: &Value, now: Time) -> Result<bool, Fault> {
    if is_empty(rule) {
        return Ok(true);
    }
    Ok(Machine::new(now).apply(rule, &Item::of(data))?.is_truthy_in_script())
}

/// Whether the rule says exactly true, as the condition of a subscription or a preference is read: anything else, a
/// rule that fails included, is no.
pub fn holds(rule: &Value, data: &Value, now: Time) -> bool {
    evaluate(rule, data, now) == Ok(Value::Bool(true))
}

/// Whether there is nothing to judge.
pub fn is_empty(rule: &Value) -> bool {
    match rule {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The paths that a rule reads, each once, in its order.
pub fn paths(rule: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    collect(rule, &mut found);
    found
}

fn collect<'a>(rule: &'a Value, found: &mut Vec<&'a str>) {
    match rule {
        Value::Object(members) => {
            for (operator, operand) in members {
                let path = match operand {
                    Value::Array(operands) => operands.first().and_then(Value::as_str),
                    operand => operand.as_str(),
                };
                match path.filter(|_| operator == "var") {
                    Some(path) if !found.contains(&path) => found.push(path),
                    Some(_) => {}
                    None => collect(operand, found),
                }
            }
        }
        Value::Array(rules) => rules.iter().for_each(|rule| collect(rule, found)),
        _ => {}
    }
}

/// What the paths of a rule stand for in this data: what a trace shows beside the rule.
pub fn readings(rule: &Value, data: &Value) -> Map<String, Value> {
    let read = |path: &str| {
        path.split('.').try_fold(data, |data, part| match data {
            Value::Object(members) => members.get(part),
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    };
    let readings = paths(rule).into_iter();
    readings
        .map(|path| (path.to_owned(), read(path).cloned().unwrap_or(Value::Null)))
        .collect()
}

#[cfg(test)]
mod tests;
