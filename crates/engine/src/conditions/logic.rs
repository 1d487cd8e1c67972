//! The walk through a rule: control flow, loops, and the operators of JSON logic itself.

use campanile_model::Time;
use serde_json::Value;

use super::value::{Item, from_length, join};
use super::{Fault, operators};
use campanile_liquid::script;

/// More evaluations than this are no condition.
const MOST_STEPS: usize = 200_000;
/// More than about so many bytes of made texts and lists are not made.
const MOST_MEMORY: usize = 8 * 1024 * 1024;

/// Made lists nest no deeper, so that walking through them needs little stack.
const DEEPEST: usize = 64;

/// One evaluation and what it may still do.
pub(super) struct Machine {
    pub(super) now: Time,
    steps: usize,
    memory: usize,
}

type Outcome<'a> = Result<Item<'a>, Fault>;

impl Machine {
    pub(super) fn new(now: Time) -> Self {
        Self {
            now,
            steps: MOST_STEPS,
            memory: MOST_MEMORY,
        }
    }

    fn step(&mut self, steps: usize) -> Result<(), Fault> {
        let left = self.steps.checked_sub(steps);
        self.steps = left.ok_or_else(|| Fault::new("the rule takes too many steps"))?;
        Ok(())
    }

    fn made<'a>(&mut self, item: Item<'a>) -> Outcome<'a> {
        if item.depth() > DEEPEST {
            return Err(Fault::new("the rule nests its results too deep"));
        }
        let left = self.memory.checked_sub(item.weight());
        self.memory = left.ok_or_else(|| Fault::new("the rule makes too much data"))?;
        Ok(item)
    }

    /// What converting a value costs is paid for before it is done: lists nest, and a made one may be in another many
    /// times over.
    pub(super) fn pay_for(&mut self, item: &Item<'_>) -> Result<(), Fault> {
        match item {
            Item::Text(text) => self.step(1 + text.len() / 64),
            Item::List(items) => {
                self.step(1)?;
                items.iter().try_for_each(|item| self.pay_for(&Item::of(item)))
            }
            made => {
                self.step(1)?;
                made.inner().try_for_each(|item| self.pay_for(item))
            }
        }
    }

    /// Evaluates a rule: an object with exactly one member is an operation, a list is a list of rules, everything else
    /// stands for itself.
    pub(super) fn apply<'a>(&mut self, rule: &'a Value, data: &Item<'a>) -> Outcome<'a> {
        self.step(1)?;
        match rule {
            Value::Array(rules) => {
                let items = rules
                    .iter()
                    .map(|rule| self.apply(rule, data))
                    .collect::<Result<Vec<_>, _>>()?;
                self.made(Item::made(items))
            }
            Value::Object(members) if members.len() == 1 => match members.iter().next() {
                Some((operator, Value::Array(operands))) => self.operation(operator, operands, data),
                Some((operator, operand)) => self.operation(operator, std::slice::from_ref(operand), data),
                None => Ok(Item::Object(members)),
            },
            other => Ok(Item::of(other)),
        }
    }

    fn apply_at<'a>(&mut self, operands: &'a [Value], at: usize, data: &Item<'a>) -> Outcome<'a> {
        match operands.get(at) {
            Some(rule) => self.apply(rule, data),
            None => Ok(Item::Undefined),
        }
    }

    fn operation<'a>(&mut self, operator: &str, operands: &'a [Value], data: &Item<'a>) -> Outcome<'a> {
        match operator {
            "if" | "?:" => return self.choose(operands, data),
            "and" | "or" => return self.first(operands, data, operator == "or"),
            "filter" | "map" | "reduce" | "all" | "none" | "some" => return self.each(operator, operands, data),
            _ => {}
        }
        let mut values = Vec::with_capacity(operands.len());
        for operand in operands {
            values.push(self.apply(operand, data)?);
        }
        for value in &values {
            self.pay_for(value)?;
        }
        if let ("containsAny" | "doesNotContainAny", [data, rule, ..]) = (operator, values.as_slice()) {
            let length = |item: &Item<'_>| item.elements().map_or(0, |items| items.len());
            self.step(length(data).saturating_mul(length(rule)) / 16)?;
        }
        let result = match operators::of_the_original(operator, &values, self.now) {
            Some(result) => Item::Bool(result),
            None => standard(operator, &values, data)?,
        };
        self.made(result)
    }

    fn choose<'a>(&mut self, operands: &'a [Value], data: &Item<'a>) -> Outcome<'a> {
        let mut pairs = operands.chunks_exact(2);
        for pair in pairs.by_ref() {
            if let [condition, then] = pair
                && self.apply(condition, data)?.is_truthy()
            {
                return self.apply(then, data);
            }
        }
        match pairs.remainder() {
            [otherwise] => self.apply(otherwise, data),
            _ => Ok(Item::Null),
        }
    }

    /// The first that is as true as wanted, or else the last.
    fn first<'a>(&mut self, operands: &'a [Value], data: &Item<'a>, wanted: bool) -> Outcome<'a> {
        let mut current = Item::Undefined;
        for operand in operands {
            current = self.apply(operand, data)?;
            if current.is_truthy() == wanted {
                break;
            }
        }
        Ok(current)
    }

    fn each<'a>(&mut self, operator: &str, operands: &'a [Value], data: &Item<'a>) -> Outcome<'a> {
        let elements = self.apply_at(operands, 0, data)?.elements();
        self.step(elements.as_ref().map_or(0, Vec::len))?;
        if operator == "reduce" {
            let mut result = match operands.get(2) {
                Some(initial) => self.apply(initial, data)?,
                None => Item::Null,
            };
            for element in elements.into_iter().flatten() {
                let pair = self.made(Item::pair(element, result))?;
                result = self.apply_at(operands, 1, &pair)?;
            }
            return Ok(result);
        }
        let mut kept = Vec::new();
        let mut judged = 0;
        for element in elements.into_iter().flatten() {
            let result = self.apply_at(operands, 1, &element)?;
            judged += 1;
            match (operator, result.is_truthy()) {
                ("map", _) => kept.push(result),
                ("filter", true) => kept.push(element),
                ("all", false) | ("none", true) => return Ok(Item::Bool(false)),
                ("some", true) => return Ok(Item::Bool(true)),
                _ => {}
            }
        }
        match operator {
            "map" | "filter" => self.made(Item::made(kept)),
            // All of nothing is false here.
            "all" => Ok(Item::Bool(judged > 0)),
            other => Ok(Item::Bool(other == "none")),
        }
    }
}

/// An operator of JSON logic itself.
fn standard<'a>(operator: &str, values: &[Item<'a>], data: &Item<'a>) -> Outcome<'a> {
    let at = |index: usize| values.get(index).cloned().unwrap_or(Item::Undefined);
    let number = |index: usize| values.get(index).map_or(f64::NAN, Item::number);
    Ok(match operator {
        "===" => Item::Bool(at(0).same(&at(1))),
        "!==" => Item::Bool(!at(0).same(&at(1))),
        "!" => Item::Bool(!at(0).is_truthy()),
        "!!" => Item::Bool(at(0).is_truthy()),
        "log" => at(0),
        "in" => Item::Bool(within(&at(0), &at(1))),
        "+" => Item::Number(
            values
                .iter()
                .fold(0.0, |sum, value| sum + script::leading_number(&value.string())),
        ),
        "*" => product(values)?,
        "-" if matches!(at(1), Item::Undefined) => Item::Number(-number(0)),
        "-" => Item::Number(number(0) - number(1)),
        "/" => Item::Number(number(0) / number(1)),
        "%" => Item::Number(number(0) % number(1)),
        "min" => Item::Number(extreme(values, f64::INFINITY, |one, other| one < other)),
        "max" => Item::Number(extreme(values, f64::NEG_INFINITY, |one, other| one > other)),
        "cat" => Item::text(join(values.iter().cloned(), "")),
        "substr" => Item::text(part(&at(0).string(), &at(1), &at(2))),
        "merge" => {
            let flat = values
                .iter()
                .flat_map(|value| value.elements().unwrap_or_else(|| vec![value.clone()]));
            Item::made(flat.collect())
        }
        "var" => variable(&at(0), &at(1), data),
        "missing" => {
            let keys = at(0).elements().unwrap_or_else(|| values.to_vec());
            Item::made(missing(keys, data))
        }
        "missing_some" => missing_some(&at(0), &at(1), data)?,
        other => return Err(Fault::new(format!("Unrecognized operation {other}"))),
    })
}

/// `in`: of a list by identity, of a text as a part.
fn within(wanted: &Item<'_>, all: &Item<'_>) -> bool {
    match all {
        Item::Text(text) => !text.is_empty() && text.contains(wanted.string().as_ref()),
        other => other
            .elements()
            .is_some_and(|items| items.iter().any(|item| item.same(wanted))),
    }
}

fn product<'a>(values: &[Item<'a>]) -> Outcome<'a> {
    let (first, rest) = values
        .split_first()
        .ok_or_else(|| Fault::new("a product needs at least one factor"))?;
    let read = |value: &Item<'_>| script::leading_number(&value.string());
    Ok(match rest {
        [] => first.clone(),
        rest => Item::Number(rest.iter().fold(read(first), |product, value| product * read(value))),
    })
}

fn extreme(values: &[Item<'_>], start: f64, better: impl Fn(f64, f64) -> bool) -> f64 {
    values.iter().map(Item::number).fold(start, |best, number| {
        if number.is_nan() || (!best.is_nan() && better(number, best)) {
            number
        } else {
            best
        }
    })
}

/// `text.substr(start, length)`, counted as JavaScript does; a negative length leaves out so much of the end.
fn part(text: &str, start: &Item<'_>, length: &Item<'_>) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    let cut = |units: &[u16], start: &Item<'_>, length: Option<f64>| -> Vec<u16> {
        let size = from_length(units.len());
        let start = whole(start.number());
        let start = if start < 0.0 {
            (size + start).max(0.0)
        } else {
            start.min(size)
        };
        let length = length.map_or(size, whole).min(size - start);
        let (start, length) = (to_index(start), to_index(length));
        units.iter().skip(start).take(length).copied().collect()
    };
    let kept = match length {
        Item::Undefined => cut(&units, start, None),
        length if length.number() < 0.0 => {
            let rest = cut(&units, start, None);
            let kept = from_length(rest.len()) + length.number();
            cut(&rest, &Item::Number(0.0), Some(kept))
        }
        length => cut(&units, start, Some(length.number())),
    };
    String::from_utf16_lossy(&kept)
}

/// JavaScript's integer of a number: what is none is 0.
fn whole(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.trunc() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position within a text; negative ones saturate to 0"
)]
fn to_index(number: f64) -> usize {
    number as usize
}

fn variable<'a>(path: &Item<'a>, otherwise: &Item<'a>, data: &Item<'a>) -> Item<'a> {
    let is_everything = match path {
        Item::Undefined | Item::Null => true,
        Item::Text(text) => text.is_empty(),
        _ => false,
    };
    if is_everything {
        return data.clone();
    }
    let not_found = || match otherwise {
        Item::Undefined => Item::Null,
        other => other.clone(),
    };
    let mut found = data.clone();
    for name in path.string().split('.') {
        found = found.member(name);
        if matches!(found, Item::Undefined) {
            return not_found();
        }
    }
    found
}

/// Those of the keys that have no value.
fn missing<'a>(keys: Vec<Item<'a>>, data: &Item<'a>) -> Vec<Item<'a>> {
    let is_missing = |key: &Item<'a>| {
        let found = match key.elements() {
            Some(mut path) => {
                let otherwise = if path.len() > 1 {
                    path.swap_remove(1)
                } else {
                    Item::Undefined
                };
                variable(path.first().unwrap_or(&Item::Undefined), &otherwise, data)
            }
            None => variable(key, &Item::Undefined, data),
        };
        match found {
            Item::Null => true,
            Item::Text(text) => text.is_empty(),
            _ => false,
        }
    };
    keys.into_iter().filter(is_missing).collect()
}

fn missing_some<'a>(needed: &Item<'a>, options: &Item<'a>, data: &Item<'a>) -> Outcome<'a> {
    if matches!(options, Item::Undefined | Item::Null) {
        return Err(Fault::new("missing_some needs a list of names"));
    }
    let listed = options.elements().unwrap_or_else(|| vec![options.clone()]);
    let keys = listed.first().and_then(Item::elements).unwrap_or(listed);
    let missing = missing(keys, data);
    let present = options.member("length").number() - from_length(missing.len());
    let enough = present >= needed.number();
    Ok(Item::made(if enough { Vec::new() } else { missing }))
}
