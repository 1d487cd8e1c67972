//! Computes expressions and filters, and offers filters what they need for it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::ast::{Expression, FilterCall, Filtered, Item, Literal, Operand, Operator, Path};
use crate::compare;
use crate::convert;
use crate::error::Fault;
use crate::limits::MAX_TEXT_DEPTH;
use crate::number;
use crate::render::{Names, Outcome, Renderer, Scope};
use crate::value::{List, Text, Value};

impl<'a> Renderer<'a> {
    pub(crate) fn filtered(&mut self, filtered: &Filtered) -> Outcome<'a> {
        let mut value = self.expression(&filtered.expression)?;
        for filter in &filtered.filters {
            value = self.filter(filter, value)?;
        }
        Ok(value)
    }

    fn filter(&mut self, call: &FilterCall, input: Value<'a>) -> Outcome<'a> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let value = match &arg.value {
                Some(operand) => self.operand(operand)?,
                None => Value::Undefined,
            };
            args.push(match &arg.key {
                // A named argument reaches the filter as a pair.
                Some(key) => Value::list(vec![key.into(), value], &self.budget)?,
                None => value,
            });
        }
        let work = match &input {
            Value::Text(text) => text.len() / 32,
            Value::List(list) => list.len(),
            _ => 0,
        };
        self.budget.steps(1 + work)?;
        let function = call.novu.filter(|_| self.options.novu_filters).or(call.stock);
        let Some(function) = function else { return Ok(input) };
        let result = function(self, input, &args)?;
        if let Value::Text(Text::Made(text)) = &result {
            self.budget.memory(text.len())?;
        }
        Ok(result)
    }

    fn expression(&mut self, expression: &Expression) -> Outcome<'a> {
        if let [Item::Operand(operand)] = expression.postfix.as_slice() {
            return self.operand(operand);
        }
        let mut stack: Vec<Value<'a>> = Vec::new();
        for item in &expression.postfix {
            let value = match item {
                Item::Operand(operand) => self.operand(operand)?,
                Item::Operator(Operator::Not) => Value::Bool(!stack.pop().unwrap_or(Value::Undefined).is_truthy()),
                Item::Operator(operator) => {
                    let right = stack.pop().unwrap_or(Value::Undefined);
                    let left = stack.pop().unwrap_or(Value::Undefined);
                    Value::Bool(self.operator(*operator, &left, &right)?)
                }
            };
            stack.push(value);
        }
        // Operands without an operator between them: the first one counts.
        Ok(stack.into_iter().next().unwrap_or(Value::Undefined))
    }

    fn operator(&self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Fault> {
        use Ordering::{Equal, Greater, Less};
        let budget = &self.budget;
        match operator {
            Operator::Equal => compare::equal(left, right, budget),
            Operator::NotEqual => compare::equal(left, right, budget).map(|equal| !equal),
            Operator::Greater => compare::holds(left, right, &[Greater], budget),
            Operator::Less => compare::holds(left, right, &[Less], budget),
            Operator::GreaterEqual => compare::holds(left, right, &[Greater, Equal], budget),
            Operator::LessEqual => compare::holds(left, right, &[Less, Equal], budget),
            Operator::Contains => compare::contains(left, right, budget),
            Operator::And => Ok(left.is_truthy() && right.is_truthy()),
            Operator::Or => Ok(left.is_truthy() || right.is_truthy()),
            Operator::Not => Ok(!right.is_truthy()),
        }
    }

    pub(crate) fn operand(&mut self, operand: &Operand) -> Outcome<'a> {
        self.budget.steps(1)?;
        match operand {
            Operand::Literal(literal) => Ok(match literal {
                Literal::True => Value::Bool(true),
                Literal::False => Value::Bool(false),
                Literal::Nil => Value::Nil,
                Literal::Empty => Value::Empty,
                Literal::Blank => Value::Blank,
            }),
            Operand::Number(n) => Ok(Value::Number(*n)),
            Operand::Text(text) => Ok(text.into()),
            Operand::Path(path) => self.path(path),
            Operand::Range(bounds) => {
                let low = self.operand(&bounds.0)?.plain();
                let high = self.operand(&bounds.1)?.plain();
                self.range(
                    convert::number(&low, &self.budget)?,
                    convert::number(&high, &self.budget)?,
                )
            }
        }
    }

    fn range(&self, low: f64, high: f64) -> Outcome<'a> {
        self.budget.range(high - low + 1.0)?;
        let mut items = Vec::new();
        let mut n = low;
        // Counting in steps of 1 stops moving at 2^53, hence the bound on the length as well.
        while n < high + 1.0 {
            items.push(Value::Number(n));
            self.budget.steps(1)?;
            n += 1.0;
        }
        Value::list(items, &self.budget)
    }

    fn path(&mut self, path: &Path) -> Outcome<'a> {
        let mut value = match &path.base {
            Some(base) => Some(self.operand(base)?),
            None => None,
        };
        for property in &path.properties {
            let key = match property {
                Operand::Text(name) => name.into(),
                other => self.operand(other)?.plain(),
            };
            value = Some(match value {
                None => self.names.get(&self.key(&key)?),
                Some(value) => self.property(&value, &key)?,
            });
        }
        Ok(value.unwrap_or(Value::Undefined))
    }

    fn key(&self, key: &Value<'a>) -> Result<Arc<str>, Fault> {
        match key {
            Value::Text(Text::Made(text)) if text.len() < 64 => Ok(Arc::clone(text)),
            other => Ok(convert::string(other, &self.budget)?.into()),
        }
    }

    fn property(&self, value: &Value<'a>, key: &Value<'a>) -> Outcome<'a> {
        if let (Value::List(list), Value::Number(n)) = (value, key) {
            let i = if *n < 0.0 {
                *n + number::from_len(list.len())
            } else {
                *n
            };
            let whole = i >= 0.0 && i.fract() == 0.0;
            return Ok(if whole {
                list.get(number::to_index(i))
            } else {
                Value::Undefined
            });
        }
        Ok(value.property(&self.key(key)?))
    }

    /// Follows a dotted path from a value, as `map` and `sort` do.
    pub(crate) fn follow(&self, value: &Value<'a>, path: &str) -> Outcome<'a> {
        let mut value = value.clone();
        for key in path.split('.') {
            self.budget.reading(key.len())?;
            value = value.property(key);
        }
        Ok(value)
    }

    /// Evaluates a path with `item` in the place of the data, as `where` and its like do.
    pub(crate) fn look_into(&mut self, item: &Value<'a>, path: Option<&Operand>) -> Outcome<'a> {
        let Some(path) = path else { return Ok(Value::Undefined) };
        let outer = std::mem::replace(&mut self.names, Names::new(item.clone()));
        let result = self.operand(path);
        self.names = outer;
        result
    }

    /// Evaluates an expression with one more name, as the `_exp` filters do.
    pub(crate) fn with_item(&mut self, name: &Arc<str>, item: Value<'a>, expression: &Filtered) -> Outcome<'a> {
        self.names.scopes.push(Scope::from([(Arc::clone(name), item)]));
        self.text_depth += 1;
        let deep = self.text_depth > MAX_TEXT_DEPTH;
        let result = if deep {
            Err(Fault::limit("nesting"))
        } else {
            self.filtered(expression)
        };
        self.text_depth -= 1;
        self.names.scopes.pop();
        result
    }

    pub(crate) fn text<'v>(&self, value: &'v Value<'a>) -> Result<Cow<'v, str>, Fault> {
        convert::text(value, &self.budget)
    }

    /// The number a filter works with: whatever is none counts as 0.
    pub(crate) fn number(&self, value: &Value<'a>) -> Result<f64, Fault> {
        let n = convert::number(&value.clone().plain(), &self.budget)?;
        Ok(if n.is_nan() { 0.0 } else { n })
    }

    /// A number by JavaScript's own conversion, which may be NaN.
    pub(crate) fn js_number(&self, value: &Value<'a>) -> Result<f64, Fault> {
        convert::number(value, &self.budget)
    }

    pub(crate) fn list(&self, items: Vec<Value<'a>>) -> Outcome<'a> {
        Value::list(items, &self.budget)
    }

    pub(crate) fn items(&self, value: Value<'a>) -> Result<List<'a>, Fault> {
        let list = value.into_list();
        self.budget.steps(list.len())?;
        Ok(list)
    }
}
