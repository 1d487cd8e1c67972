//! Walks the tree and writes the output.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

use crate::ast::{Conditional, Cycle, Filtered, Kind, Loop, Node, When};
use crate::compare;
use crate::convert;
use crate::error::Fault;
use crate::filters;
use crate::limits::{Budget, Limits};
use crate::number;
use crate::value::{LoopState, Value};

/// How outputs print their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// As LiquidJS does.
    #[default]
    Plain,
    /// Objects and arrays as JSON with single quotes, everything else as it is: what Novu does inside e-mail bodies.
    NovuText,
    /// As `NovuText`, with text escaped for its place inside a JSON string: what Novu does with control values.
    NovuControls,
}

/// What a rendering needs besides the template and its data.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// How outputs print their value.
    pub output: Output,
    /// Whether Novu's filters `digest`, `toSentence` and `pluralize` exist, and `json` is Novu's.
    pub novu_filters: bool,
    /// Bounds of the work.
    pub limits: Limits,
    /// The time that `now` and `today` mean.
    pub now: Timestamp,
    /// The zone of dates when a template names none.
    pub time_zone: TimeZone,
}

impl RenderOptions {
    /// LiquidJS's behaviour, in UTC, with the default limits.
    pub fn new(now: Timestamp) -> Self {
        Self {
            output: Output::Plain,
            novu_filters: false,
            limits: Limits::default(),
            now,
            time_zone: TimeZone::UTC,
        }
    }

    /// The behaviour of Novu's control values.
    pub fn novu(now: Timestamp) -> Self {
        Self {
            output: Output::NovuControls,
            novu_filters: true,
            ..Self::new(now)
        }
    }
}

pub(crate) type Scope<'a> = HashMap<Arc<str>, Value<'a>>;

/// Where names are looked up. `scopes[0]` takes assigned names, loops push theirs on top.
pub(crate) struct Names<'a> {
    data: Value<'a>,
    /// `increment` and `decrement` change the caller's data; the changes are kept here.
    counters: HashMap<Arc<str>, f64>,
    pub(crate) scopes: Vec<Scope<'a>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(data: Value<'a>) -> Self {
        Self {
            data,
            counters: HashMap::new(),
            scopes: vec![Scope::new()],
        }
    }

    pub(crate) fn get(&self, name: &str) -> Value<'a> {
        if let Some(value) = self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            return value.clone();
        }
        match self.counters.get(name) {
            Some(n) => Value::Number(*n),
            // What the data does not have is looked up in an empty object, whose size is known.
            None => match (&self.data, self.data.own(name)) {
                (Value::Loop(_), _) => self.data.property(name),
                (_, Value::Undefined) if name == "size" => Value::Number(0.0),
                (_, value) => value,
            },
        }
    }
}

/// One rendering.
pub(crate) struct Renderer<'a> {
    pub(crate) names: Names<'a>,
    /// Where the last loop of a name stopped, for `offset: continue`.
    continues: HashMap<String, Value<'a>>,
    cycles: HashMap<String, usize>,
    /// Set by `break` and `continue` until a loop takes notice.
    broke: bool,
    continued: bool,
    /// How many expressions given as text are being evaluated inside each other.
    pub(crate) text_depth: usize,
    pub(crate) options: &'a RenderOptions,
    pub(crate) budget: Budget,
}

pub(crate) type Outcome<'a> = Result<Value<'a>, Fault>;

impl<'a> Renderer<'a> {
    pub(crate) fn new(data: &'a serde_json::Value, options: &'a RenderOptions) -> Self {
        Self {
            names: Names::new(data.into()),
            continues: HashMap::new(),
            cycles: HashMap::new(),
            broke: false,
            continued: false,
            text_depth: 0,
            options,
            budget: Budget::new(&options.limits),
        }
    }

    pub(crate) fn nodes(&mut self, nodes: &[Node], out: &mut String) -> Result<(), Fault> {
        for node in nodes {
            self.budget
                .steps(1)
                .and_then(|()| self.node(&node.kind, out))
                .map_err(|fault| fault.at(node.at))?;
            if self.broke || self.continued {
                break;
            }
        }
        Ok(())
    }

    fn node(&mut self, kind: &Kind, out: &mut String) -> Result<(), Fault> {
        match kind {
            Kind::Text(text) | Kind::Raw(text) => self.write(text, out),
            // Only outputs show the special words and loop objects themselves to the escaping.
            Kind::Output(value) => {
                let result = self.filtered(value)?;
                self.print(&result, value.is_raw(), out)
            }
            Kind::Echo(Some(value)) => {
                let result = self.filtered(value)?.plain();
                self.print(&result, value.is_raw(), out)
            }
            Kind::Echo(None) | Kind::Nothing => Ok(()),
            Kind::Assign { name, value } => {
                let value = self.filtered(value)?;
                self.set(name, value);
                Ok(())
            }
            Kind::Capture { name, body } => {
                let mut text = String::new();
                self.nodes(body, &mut text)?;
                self.budget.memory(text.len())?;
                self.set(name, text.into());
                Ok(())
            }
            Kind::If(conditional) => self.conditional(conditional, false, out),
            Kind::Unless(conditional) => self.conditional(conditional, true, out),
            Kind::Case {
                subject,
                branches,
                otherwise,
            } => self.case(subject, branches, otherwise, out),
            Kind::For(head) => self.for_loop(head, out),
            Kind::Tablerow(head) => self.tablerow(head, out),
            Kind::Increment(name) => {
                let value = self.counter(name);
                self.names.counters.insert(Arc::clone(name), value + 1.0);
                self.write(&number::format(value), out)
            }
            Kind::Decrement(name) => {
                let value = self.counter(name) - 1.0;
                self.names.counters.insert(Arc::clone(name), value);
                self.write(&number::format(value), out)
            }
            Kind::Cycle(cycle) => self.cycle(cycle, out),
            Kind::Liquid(nodes) => self.nodes(nodes, out),
            Kind::Break => {
                self.broke = true;
                Ok(())
            }
            Kind::Continue => {
                self.continued = true;
                Ok(())
            }
        }
    }

    fn write(&self, text: &str, out: &mut String) -> Result<(), Fault> {
        self.budget.output(text.len())?;
        out.push_str(text);
        Ok(())
    }

    fn print(&self, value: &Value<'a>, raw: bool, out: &mut String) -> Result<(), Fault> {
        if raw || self.options.output == Output::Plain {
            return self.write(&convert::text(value, &self.budget)?, out);
        }
        let text = filters::novu::print(value, self.options.output, &self.budget)?;
        self.write(&text, out)
    }

    fn set(&mut self, name: &Arc<str>, value: Value<'a>) {
        self.names.scopes[0].insert(Arc::clone(name), value);
    }

    fn counter(&self, name: &str) -> f64 {
        match (self.names.counters.get(name), self.names.data.own(name)) {
            (Some(n), _) => *n,
            (None, Value::Number(n)) => n,
            _ => 0.0,
        }
    }

    fn conditional(&mut self, tag: &Conditional, negate_first: bool, out: &mut String) -> Result<(), Fault> {
        for (i, (test, body)) in tag.branches.iter().enumerate() {
            let truth = self.filtered(test)?.is_truthy();
            if truth != (negate_first && i == 0) {
                return self.nodes(body, out);
            }
        }
        self.nodes(&tag.otherwise, out)
    }

    fn case(
        &mut self,
        subject: &Filtered,
        branches: &[When],
        otherwise: &[Node],
        out: &mut String,
    ) -> Result<(), Fault> {
        let subject = self.filtered(subject)?.plain();
        let mut hit = false;
        // Every branch that matches is rendered, not only the first.
        for branch in branches {
            for value in &branch.values {
                let value = self.operand(value)?;
                if compare::equal(&subject, &value, &self.budget)? {
                    self.nodes(&branch.body, out)?;
                    hit = true;
                    break;
                }
            }
        }
        if hit { Ok(()) } else { self.nodes(otherwise, out) }
    }

    fn loop_options(&mut self, head: &Loop) -> Result<HashMap<String, Value<'a>>, Fault> {
        let mut options = HashMap::new();
        for (name, value) in &head.options {
            let value = match value {
                Some(operand) => self.operand(operand)?,
                None => Value::Bool(true),
            };
            if !matches!(value, Value::Undefined) {
                options.insert(name.clone(), value);
            }
        }
        Ok(options)
    }

    fn for_loop(&mut self, head: &Loop, out: &mut String) -> Result<(), Fault> {
        let items = self.operand(&head.collection)?.into_items(&self.budget)?;
        if items.len() == 0 {
            return self.nodes(&head.otherwise, out);
        }
        let continue_key = format!("{}-{}", head.variable, head.collection_text);
        let stopped_at = match self.continues.get(&continue_key) {
            Some(value) if value.is_js_truthy() => value.clone(),
            _ => Value::object(Vec::new(), &self.budget)?,
        };
        self.names.scopes.push(Scope::from([("continue".into(), stopped_at)]));
        let options = self.loop_options(head)?;
        self.names.scopes.pop();

        let (mut start, mut end) = (0, items.len());
        if let Some(offset) = options.get("offset") {
            start = relative(convert::number(offset, &self.budget)?, end);
        }
        if let Some(limit) = options.get("limit") {
            end = start + relative(convert::number(limit, &self.budget)?, end - start);
        }
        let length = end - start;
        let offset = options
            .get("offset")
            .filter(|offset| offset.is_js_truthy())
            .cloned()
            .unwrap_or(Value::Number(0.0));
        let stopped_at = convert::add(&offset, &Value::count(length), &self.budget)?;
        self.continues.insert(continue_key, stopped_at);

        let name = format!("{}-{}", head.variable, head.collection_text);
        let state = Rc::new(LoopState {
            i: 0.into(),
            length,
            name,
            cols: None,
        });
        self.names
            .scopes
            .push(Scope::from([("forloop".into(), Value::Loop(Rc::clone(&state)))]));
        let reversed = options.contains_key("reversed");
        for i in 0..length {
            self.budget.loop_item()?;
            let item = items.get(if reversed { end - 1 - i } else { start + i });
            self.bind(&head.variable, item);
            (self.broke, self.continued) = (false, false);
            self.nodes(&head.body, out)?;
            if self.broke {
                break;
            }
            state.i.set(i + 1);
        }
        (self.broke, self.continued) = (false, false);
        self.names.scopes.pop();
        Ok(())
    }

    /// Sets a name in the innermost scope.
    fn bind(&mut self, name: &Arc<str>, value: Value<'a>) {
        if let Some(scope) = self.names.scopes.last_mut() {
            scope.insert(Arc::clone(name), value);
        }
    }

    fn tablerow(&mut self, head: &Loop, out: &mut String) -> Result<(), Fault> {
        let items = self.operand(&head.collection)?.into_items(&self.budget)?;
        let options = self.loop_options(head)?;
        let truthy = |name: &str| options.get(name).filter(|value| value.is_js_truthy()).cloned();
        let offset = truthy("offset").unwrap_or(Value::Number(0.0));
        let limit = options.get("limit").cloned().unwrap_or(Value::count(items.len()));
        let end = convert::add(&offset, &limit, &self.budget)?;
        let start = relative(convert::number(&offset, &self.budget)?, items.len());
        let end = relative(convert::number(&end, &self.budget)?, items.len()).max(start);
        let length = end - start;
        let cols = truthy("cols").unwrap_or(Value::count(length));

        let name = format!("{}-{}", head.variable, head.collection_text);
        let state = Rc::new(LoopState {
            i: 0.into(),
            length,
            name,
            cols: Some(cols),
        });
        self.names
            .scopes
            .push(Scope::from([("tablerowloop".into(), Value::Loop(Rc::clone(&state)))]));
        // Inside a JSON string; the original mends the JSON afterwards.
        let quote = if self.options.output == Output::NovuControls {
            "\\\""
        } else {
            "\""
        };
        for i in 0..length {
            self.budget.loop_item()?;
            self.bind(&head.variable, items.get(start + i));
            if state.col0() == 0.0 {
                let row = state.row();
                let close = if row > 1.0 { "</tr>" } else { "" };
                self.write(
                    &format!("{close}<tr class={quote}row{}{quote}>", number::format(row)),
                    out,
                )?;
            }
            self.write(
                &format!("<td class={quote}col{}{quote}>", number::format(state.col0() + 1.0)),
                out,
            )?;
            // Unlike `for`, a table does not notice `break`: the cells that follow show their first piece only.
            self.nodes(&head.body, out)?;
            self.write("</td>", out)?;
            state.i.set(i + 1);
        }
        if length > 0 {
            self.write("</tr>", out)?;
        }
        self.names.scopes.pop();
        Ok(())
    }

    fn cycle(&mut self, cycle: &Cycle, out: &mut String) -> Result<(), Fault> {
        let group = match &cycle.group {
            Some(group) => self.operand(group)?,
            None => Value::Undefined,
        };
        let group = convert::string(&group, &self.budget)?;
        let position = self.cycles.entry(format!("{group}:{}", cycle.fingerprint)).or_insert(0);
        let candidate = &cycle.candidates[*position];
        *position = (*position + 1) % cycle.candidates.len();
        let value = self.filtered(candidate)?.plain();
        // The tag returns its value instead of writing it, and what JavaScript takes for false is not written.
        let mut text = String::new();
        let escaped = !candidate.is_raw() && self.options.output != Output::Plain;
        if escaped || value.is_js_truthy() {
            self.print(&value, candidate.is_raw(), &mut text)?;
        }
        out.push_str(&text);
        Ok(())
    }
}

/// A bound of JavaScript's `slice`: negative numbers count from the end.
pub(crate) fn relative(n: f64, length: usize) -> usize {
    if n < 0.0 {
        length.saturating_sub(number::to_index(-n.trunc()))
    } else {
        number::to_index(n).min(length)
    }
}
