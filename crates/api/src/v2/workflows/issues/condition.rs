//! Conditions (`skip`): JSON logic whose variables a step must have and whose operands are given.

use campanile_engine::conditions::OPERATORS;
use serde_json::{Map, Value};

use super::super::variables::{allows, segments};
use super::{Issues, Kind};

pub(super) fn check(condition: &Value, variables: &Value, issues: &mut Issues) {
    if let Value::Object(condition) = condition {
        rules(condition, variables, &mut Vec::new(), issues);
    }
}

/// Walks groups; `path` is the position of each rule in its group.
fn rules(rule: &Map<String, Value>, variables: &Value, path: &mut Vec<usize>, issues: &mut Issues) {
    for (operator, operands) in rule {
        // An object of several members stands for itself, as the time of "so long ago" does.
        if rule.len() == 1 && !OPERATORS.contains(&operator.as_str()) {
            let message = format!("Operator {} is not supported", cut(operator));
            issues.add("skip", Kind::IllegalVariable, &message, &join(path));
            continue;
        }
        match (operator.as_str(), operands) {
            ("and" | "or", Value::Array(inner)) => {
                for (index, rule) in inner.iter().enumerate() {
                    if let Value::Object(rule) = rule {
                        path.push(index);
                        rules(rule, variables, path, issues);
                        path.pop();
                    }
                }
            }
            ("!" | "!!", Value::Object(inner)) => rules(inner, variables, path, issues),
            ("!" | "!!", Value::Array(inner)) => {
                for inner in inner.iter().filter_map(Value::as_object) {
                    rules(inner, variables, path, issues);
                }
            }
            ("var", name) => known(name, variables, path, issues),
            // What stands behind the list is about its elements.
            ("some" | "all" | "none" | "map" | "filter" | "reduce", Value::Array(operands)) => {
                if let Some(Value::Object(list)) = operands.first() {
                    rules(list, variables, path, issues);
                }
            }
            (operator, Value::Array(operands)) => {
                if operands.len() < 2 && COMPARISONS.contains(&operator) {
                    missing(path, issues);
                }
                operands_check(operands, variables, path, issues);
            }
            _ => {}
        }
    }
}

const COMPARISONS: &[&str] = &["==", "===", "!=", "!==", "<", "<=", ">", ">=", "in"];

fn operands_check(operands: &[Value], variables: &Value, path: &mut Vec<usize>, issues: &mut Issues) {
    for operand in operands {
        match operand {
            Value::Object(inner) => rules(inner, variables, path, issues),
            Value::String(text) if text.trim().is_empty() => missing(path, issues),
            Value::Array(list) if list.is_empty() => missing(path, issues),
            // Null is how "is null" is written.
            _ => {}
        }
    }
}

fn known(name: &Value, variables: &Value, path: &[usize], issues: &mut Issues) {
    let name = match name {
        Value::Array(list) => list.first().and_then(Value::as_str).unwrap_or_default(),
        name => name.as_str().unwrap_or_default(),
    };
    if name.is_empty() {
        missing(path, issues);
    } else if !allows(variables, &segments(name)) {
        issues.add("skip", Kind::IllegalVariable, "Value is not valid", &join(path));
    }
}

/// The beginning of a name that may be long.
fn cut(name: &str) -> &str {
    name.char_indices().nth(100).map_or(name, |(end, _)| &name[..end])
}

fn missing(path: &[usize], issues: &mut Issues) {
    issues.add("skip", Kind::MissingValue, "Value is required", &join(path));
}

fn join(path: &[usize]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}
