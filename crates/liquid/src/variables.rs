//! Which parts of its data a template reads: for editor completion, preview schemas and warnings.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::ast::{Conditional, Filtered, Item, Kind, Loop, Node, Operand, Path};
use crate::error::Position;

/// One step of a variable's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A property name.
    Name(String),
    /// A position in an array, negative from its end.
    Index(i64),
    /// A property whose name is itself a variable.
    Dynamic,
}

/// A read of the template's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The path as text, for example `payload.items[0].name`; dynamic steps print as `[*]`.
    pub path: String,
    /// The path in steps.
    pub segments: Vec<Segment>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

pub(crate) fn of(nodes: &[Node]) -> Vec<Variable> {
    let mut walk = Walk::default();
    walk.nodes(nodes);
    walk.found.sort_by_key(|(at, _)| *at);
    walk.found.into_iter().map(|(_, variable)| variable).collect()
}

#[derive(Default)]
struct Walk {
    found: Vec<(Position, Variable)>,
    /// Names set anywhere before, visible to the end of the template.
    assigned: HashSet<Arc<str>>,
    /// Names of the loops around the place.
    bound: Vec<Arc<str>>,
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(&node.kind);
        }
    }

    fn node(&mut self, kind: &Kind) {
        match kind {
            Kind::Output(value) | Kind::Echo(Some(value)) => self.filtered(value),
            Kind::Assign { name, value } => {
                self.filtered(value);
                self.assigned.insert(Arc::clone(name));
            }
            Kind::Capture { name, body } => {
                self.nodes(body);
                self.assigned.insert(Arc::clone(name));
            }
            Kind::If(tag) | Kind::Unless(tag) => self.conditional(tag),
            Kind::Case {
                subject,
                branches,
                otherwise,
            } => {
                self.filtered(subject);
                for branch in branches {
                    branch.values.iter().for_each(|value| self.operand(value));
                    self.nodes(&branch.body);
                }
                self.nodes(otherwise);
            }
            Kind::For(head) => self.looped(head, "forloop"),
            Kind::Tablerow(head) => self.looped(head, "tablerowloop"),
            Kind::Increment(name) | Kind::Decrement(name) => {
                self.assigned.insert(Arc::clone(name));
            }
            Kind::Cycle(cycle) => {
                cycle.group.iter().for_each(|group| self.operand(group));
                cycle.candidates.iter().for_each(|candidate| self.filtered(candidate));
            }
            Kind::Liquid(nodes) => self.nodes(nodes),
            Kind::Text(_) | Kind::Raw(_) | Kind::Echo(None) | Kind::Break | Kind::Continue | Kind::Nothing => {}
        }
    }

    fn conditional(&mut self, tag: &Conditional) {
        for (test, body) in &tag.branches {
            self.filtered(test);
            self.nodes(body);
        }
        self.nodes(&tag.otherwise);
    }

    fn looped(&mut self, head: &Loop, state: &str) {
        self.operand(&head.collection);
        let outer = self.bound.len();
        if state == "forloop" {
            self.bound.push("continue".into());
        }
        head.options
            .iter()
            .filter_map(|(_, value)| value.as_ref())
            .for_each(|value| self.operand(value));
        self.bound.truncate(outer);
        self.bound.extend([Arc::clone(&head.variable), state.into()]);
        self.nodes(&head.body);
        self.bound.truncate(outer);
        self.nodes(&head.otherwise);
    }

    fn filtered(&mut self, filtered: &Filtered) {
        for item in &filtered.expression.postfix {
            if let Item::Operand(operand) = item {
                self.operand(operand);
            }
        }
        for arg in filtered.filters.iter().flat_map(|filter| &filter.args) {
            arg.value.iter().for_each(|value| self.operand(value));
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Path(path) => self.path(path),
            Operand::Range(bounds) => {
                self.operand(&bounds.0);
                self.operand(&bounds.1);
            }
            Operand::Literal(_) | Operand::Number(_) | Operand::Text(_) => {}
        }
    }

    fn path(&mut self, path: &Path) {
        path.base
            .iter()
            .chain(&path.properties)
            .for_each(|part| self.operand(part));
        let Some(Operand::Text(root)) = path.properties.first() else {
            return;
        };
        if path.base.is_some() || self.assigned.contains(root) || self.bound.contains(root) {
            return;
        }
        let segments: Vec<Segment> = path.properties.iter().map(segment).collect();
        let variable = Variable {
            path: print(&segments),
            segments,
            line: path.at.line,
            column: path.at.column,
        };
        self.found.push((path.at, variable));
    }
}

fn segment(property: &Operand) -> Segment {
    match property {
        Operand::Text(name) => Segment::Name(name.to_string()),
        Operand::Number(n) if n.fract() == 0.0 => Segment::Index(crate::number::to_int(*n)),
        Operand::Number(n) => Segment::Name(crate::number::format(*n)),
        _ => Segment::Dynamic,
    }
}

fn print(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        let _ = match segment {
            Segment::Name(name) if is_plain(name) && out.is_empty() => write!(out, "{name}"),
            Segment::Name(name) if is_plain(name) => write!(out, ".{name}"),
            Segment::Name(name) => write!(out, "[{}]", crate::lexer::quoted(name)),
            Segment::Index(i) => write!(out, "[{i}]"),
            Segment::Dynamic => write!(out, "[*]"),
        };
    }
    out
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '?'))
}
