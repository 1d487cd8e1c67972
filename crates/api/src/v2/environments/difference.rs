//! What differs between two environments. Values in, values out: publishing and its preview decide by the same.

use campanile_model::Time;
use campanile_model::channel::Translated;
use campanile_store::layouts::Layout;
use campanile_store::workflows::{Step, Workflow};
use serde_json::{Value, json};

use super::side::Side;

/// What happened to a resource between target and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Added,
    Modified,
    Deleted,
    Moved,
}

impl Action {
    pub(crate) const fn wire(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
        }
    }
}

/// One thing on one side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Info {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) updated_at: Time,
}

/// One change of a resource, or of a step of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) resource: &'static str,
    pub(crate) action: Action,
    pub(crate) source: Option<Info>,
    pub(crate) target: Option<Info>,
    pub(crate) previous: Value,
    pub(crate) new: Value,
    pub(crate) step_type: Option<String>,
    pub(crate) previous_index: Option<usize>,
    pub(crate) new_index: Option<usize>,
}

/// A resource that is not the same in both environments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) kind: Translated,
    /// What it is called in both.
    pub(crate) identifier: String,
    pub(crate) source: Option<Info>,
    pub(crate) target: Option<Info>,
    pub(crate) changes: Vec<Change>,
    /// Steps that are the same.
    pub(crate) unchanged: usize,
}

impl Difference {
    pub(crate) fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}

/// The resources that differ: layouts and then workflows, those of the source in their order, then those that only the
/// target has.
pub(crate) fn between(source: &Side, target: &Side) -> Vec<Difference> {
    let layouts = pairs(&source.layouts, &target.layouts, |layout| &layout.layout_id);
    let workflows = pairs(&source.workflows, &target.workflows, |workflow| &workflow.workflow_id);
    let layouts = layouts
        .into_iter()
        .filter_map(|(new, old)| of_layout(new.map(|new| (source, new)), old.map(|old| (target, old))));
    let workflows = workflows
        .into_iter()
        .filter_map(|(new, old)| of_workflow(new.map(|new| (source, new)), old.map(|old| (target, old))));
    layouts.chain(workflows).collect()
}

/// What is called the same on both sides, and what is on one of them only.
fn pairs<'a, T>(source: &'a [T], target: &'a [T], name: fn(&T) -> &String) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let among = |all: &'a [T], wanted: &str| all.iter().find(|one| name(one) == wanted);
    let known = source.iter().map(|new| (Some(new), among(target, name(new))));
    let gone = target.iter().filter(|old| among(source, name(old)).is_none());
    known.chain(gone.map(|old| (None, Some(old)))).collect()
}

fn of_layout(new: Option<(&Side, &Layout)>, old: Option<(&Side, &Layout)>) -> Option<Difference> {
    let content = |(side, layout): (&Side, &Layout)| {
        json!({
            "name": layout.name,
            "isTranslationEnabled": layout.translated,
            "controlValues": layout.controls,
            "translations": side.translations(Translated::Layout, layout.id),
        })
    };
    let info = |(_, layout): (&Side, &Layout)| Info {
        id: layout.layout_id.clone(),
        name: layout.name.clone(),
        updated_at: layout.updated_at,
    };
    let (previous, now) = (old.map_or(Value::Null, content), new.map_or(Value::Null, content));
    if previous == now {
        return None;
    }
    let (source, target) = (new.map(info), old.map(info));
    Some(Difference {
        kind: Translated::Layout,
        identifier: new.or(old)?.1.layout_id.clone(),
        changes: vec![Change {
            resource: Translated::Layout.wire(),
            action: action(new.is_some(), old.is_some()),
            source: source.clone(),
            target: target.clone(),
            previous,
            new: now,
            step_type: None,
            previous_index: None,
            new_index: None,
        }],
        source,
        target,
        unchanged: 0,
    })
}

fn of_workflow(new: Option<(&Side, &Workflow)>, old: Option<(&Side, &Workflow)>) -> Option<Difference> {
    let identifier = new.or(old)?.1.workflow_id.clone();
    let side = |workflow: &Workflow| Info {
        id: workflow.workflow_id.clone(),
        name: workflow.name.clone(),
        updated_at: workflow.updated_at,
    };
    let (previous, now) = (old.map_or(Value::Null, content), new.map_or(Value::Null, content));
    let (new, old) = (new.map(|(_, new)| new), old.map(|(_, old)| old));
    let mut changes = Vec::new();
    if previous != now {
        changes.push(Change {
            resource: Translated::Workflow.wire(),
            action: action(new.is_some(), old.is_some()),
            source: new.map(side),
            target: old.map(side),
            previous,
            new: now,
            step_type: None,
            previous_index: None,
            new_index: None,
        });
    }
    let unchanged = steps(new, old, &mut changes);
    (!changes.is_empty()).then(|| Difference {
        kind: Translated::Workflow,
        identifier,
        source: new.map(side),
        target: old.map(side),
        changes,
        unchanged,
    })
}

const fn action(new: bool, old: bool) -> Action {
    match (new, old) {
        (true, false) => Action::Added,
        (false, _) => Action::Deleted,
        (true, true) => Action::Modified,
    }
}

/// What of a workflow is published, its steps apart.
fn content((side, workflow): (&Side, &Workflow)) -> Value {
    json!({
        "name": workflow.name,
        "description": workflow.description,
        "tags": workflow.tags,
        "active": workflow.active,
        "validatePayload": workflow.validate_payload,
        "payloadSchema": workflow.payload_schema,
        "isTranslationEnabled": workflow.translated,
        "severity": workflow.severity,
        "preferences": { "user": workflow.preferences.user, "default": workflow.preferences.default },
        "translations": side.translations(Translated::Workflow, workflow.id),
    })
}

fn step_content(step: &Step) -> Value {
    json!({ "name": step.name, "type": step.kind, "controlValues": step.control_values })
}

/// Adds what became of the steps; how many are the same. A step has moved when the steps that both sides have stand in
/// another order.
fn steps(new: Option<&Workflow>, old: Option<&Workflow>, changes: &mut Vec<Change>) -> usize {
    let of = |workflow: Option<&'_ Workflow>| workflow.map(|workflow| workflow.steps.clone()).unwrap_or_default();
    let (new_steps, old_steps) = (of(new), of(old));
    let side = |workflow: Option<&Workflow>, step: &Step| {
        workflow.map(|workflow| Info {
            id: step.step_id.clone(),
            name: step.name.clone(),
            updated_at: workflow.updated_at,
        })
    };
    let place = |steps: &[Step], step: &Step| steps.iter().position(|one| one.step_id == step.step_id);
    let kept = |steps: &[Step], others: &[Step], step: &Step| {
        let both = steps.iter().filter(|one| place(others, one).is_some());
        both.take_while(|one| one.step_id != step.step_id).count()
    };
    let mut unchanged = 0;
    for (index, step) in new_steps.iter().enumerate() {
        let before = place(&old_steps, step);
        let known = before.and_then(|at| old_steps.get(at));
        let (previous, now) = (known.map_or(Value::Null, step_content), step_content(step));
        let has_moved = known.is_some() && kept(&new_steps, &old_steps, step) != kept(&old_steps, &new_steps, step);
        let action = match known {
            None => Action::Added,
            Some(_) if previous != now => Action::Modified,
            Some(_) if has_moved => Action::Moved,
            Some(_) => {
                unchanged += 1;
                continue;
            }
        };
        changes.push(Change {
            resource: "step",
            action,
            source: side(new, step),
            target: known.and_then(|step| side(old, step)),
            previous,
            new: now,
            step_type: Some(step.kind.wire().to_owned()),
            previous_index: before,
            new_index: Some(index),
        });
    }
    for (index, step) in old_steps.iter().enumerate() {
        if place(&new_steps, step).is_none() {
            changes.push(Change {
                resource: "step",
                action: Action::Deleted,
                source: None,
                target: side(old, step),
                previous: step_content(step),
                new: Value::Null,
                step_type: Some(step.kind.wire().to_owned()),
                previous_index: Some(index),
                new_index: None,
            });
        }
    }
    unchanged
}
