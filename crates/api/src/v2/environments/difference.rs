//! What differs between two environments. Values in, values out: publishing and its preview decide by the same.

use campanile_model::Time;
use campanile_store::workflows::{Step, Workflow};
use serde_json::{Value, json};

/// What happened to a resource between target and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Added,
    Modified,
    Deleted,
    Moved,
}

impl Action {
    pub(super) const fn wire(self) -> &'static str {
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
pub(super) struct Side {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) updated_at: Time,
}

/// One change of a resource, or of a step of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) resource: &'static str,
    pub(super) action: Action,
    pub(super) source: Option<Side>,
    pub(super) target: Option<Side>,
    pub(super) previous: Value,
    pub(super) new: Value,
    pub(super) step_type: Option<String>,
    pub(super) previous_index: Option<usize>,
    pub(super) new_index: Option<usize>,
}

/// A resource that is not the same in both environments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// What it is called in both.
    pub(super) identifier: String,
    pub(super) source: Option<Side>,
    pub(super) target: Option<Side>,
    pub(super) changes: Vec<Change>,
    /// Steps that are the same.
    pub(super) unchanged: usize,
}

impl Difference {
    pub(super) fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }
}

/// The workflows that differ: those of the source in their order, then those that only the target has.
pub(super) fn of_workflows(source: &[Workflow], target: &[Workflow]) -> Vec<Difference> {
    let by_name = |all: &[Workflow], name: &str| all.iter().position(|one| one.workflow_id == name);
    let mut found: Vec<Difference> = source
        .iter()
        .filter_map(|new| {
            let old = by_name(target, &new.workflow_id).and_then(|at| target.get(at));
            of_workflow(Some(new), old)
        })
        .collect();
    let gone = target.iter().filter(|old| by_name(source, &old.workflow_id).is_none());
    found.extend(gone.filter_map(|old| of_workflow(None, Some(old))));
    found
}

fn of_workflow(new: Option<&Workflow>, old: Option<&Workflow>) -> Option<Difference> {
    let identifier = new.or(old)?.workflow_id.clone();
    let side = |workflow: &Workflow| Side {
        id: workflow.workflow_id.clone(),
        name: workflow.name.clone(),
        updated_at: workflow.updated_at,
    };
    let (previous, now) = (old.map_or(Value::Null, content), new.map_or(Value::Null, content));
    let mut changes = Vec::new();
    if previous != now {
        changes.push(Change {
            resource: "workflow",
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
fn content(workflow: &Workflow) -> Value {
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
        workflow.map(|workflow| Side {
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
