//! What a subscription says about workflows: how callers name them, and how answers show it.

use std::collections::HashMap;

use campanile_model::channel::Severity;
use campanile_model::{Ctx, Id, Result};
use campanile_store::subscriptions::{Rule, Subscription};
use campanile_store::workflows::Workflow;
use campanile_store::{Store, StoreError};
use serde_json::{Map, Value, json};

use crate::shape::{Path, Problems, Schemas, Shape, rules};
use crate::{dto, view};

/// More entries of one call are refused, and more workflows that they name together.
const MOST: usize = 100;
/// A condition is at most this many bytes of JSON.
const LONGEST_CONDITION: usize = 4 * 1024;

fn condition_rule(condition: &Map<String, Value>) -> Option<String> {
    let length = serde_json::to_string(condition).map_or(0, |text| text.len());
    (length > LONGEST_CONDITION).then(|| format!("must not be longer than {LONGEST_CONDITION} bytes of JSON"))
}

dto! {
    /// One workflow.
    WorkflowPreference {
        /// Its id or its identifier.
        required workflow_id: String = "workflowId";
        /// Whether it reaches the subscriber through the topic; as the workflow itself says by default.
        optional enabled: bool = "enabled";
        /// JSON logic over the payload, which decides before `enabled` does.
        optional condition: Map<String, Value> = "condition" [condition_rule];
    }
}

dto! {
    /// Workflows by what they have in common.
    GroupFilter {
        /// Ids or identifiers.
        optional workflow_ids: Vec<String> = "workflowIds" [rules::most(MOST)];
        /// Any of these tags.
        optional tags: Vec<String> = "tags" [rules::most(MOST)];
    }
}

dto! {
    /// Several workflows.
    GroupPreference {
        required filter: GroupFilter = "filter";
        optional enabled: bool = "enabled";
        optional condition: Map<String, Value> = "condition" [condition_rule];
    }
}

/// The workflows that a call names, in any of its three forms, and what it says about them.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    workflows: Vec<String>,
    tags: Vec<String>,
    enabled: Option<bool>,
    condition: Option<Value>,
}

impl Shape for Entry {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::String(_) => Some(Self {
                workflows: vec![String::read(value, path, problems)?],
                tags: Vec::new(),
                enabled: None,
                condition: None,
            }),
            Value::Object(object) if object.contains_key("filter") => {
                let group = GroupPreference::read(value, path, problems)?;
                Some(Self {
                    workflows: group.filter.workflow_ids.unwrap_or_default(),
                    tags: group.filter.tags.unwrap_or_default(),
                    enabled: group.enabled,
                    condition: group.condition.map(Value::Object),
                })
            }
            Value::Object(_) => {
                let one = WorkflowPreference::read(value, path, problems)?;
                Some(Self {
                    workflows: vec![one.workflow_id],
                    tags: Vec::new(),
                    enabled: one.enabled,
                    condition: one.condition.map(Value::Object),
                })
            }
            _ => {
                problems.add(path, "must be a string or an object");
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let (one, group) = (WorkflowPreference::schema(schemas), GroupPreference::schema(schemas));
        json!({ "oneOf": [{ "type": "string" }, one, group] })
    }
}

impl Entry {
    fn names(&self, workflow: &Workflow) -> bool {
        let id = workflow.id.to_string();
        self.workflows
            .iter()
            .any(|name| *name == workflow.workflow_id || *name == id)
    }

    fn tags(&self, workflow: &Workflow) -> bool {
        self.tags.iter().any(|tag| workflow.tags.contains(tag))
    }
}

/// What a list of entries has to keep to.
pub(super) fn entries_rule(entries: &[Entry]) -> Option<String> {
    rules::most(MOST)(entries)
}

view! {
    /// A workflow as a preference shows it.
    WorkflowDto {
        id: Id = "id";
        identifier: String = "identifier";
        name: String = "name";
        critical: bool = "critical";
        tags: Vec<String> = "tags";
        severity: Severity = "severity";
    }
}

view! {
    /// Whether one workflow reaches the subscriber through the topic.
    PreferenceResponse {
        /// The subscription's identifier.
        subscription_id: String = "subscriptionId";
        workflow: WorkflowDto = "workflow";
        enabled: bool = "enabled";
        condition: Option<Value> = "condition";
    }
}

/// The workflows that preferences name.
#[derive(Default)]
pub(super) struct Named(HashMap<Id, Workflow>);

impl Named {
    /// Those of these subscriptions.
    pub(super) async fn of(store: &Store, ctx: &Ctx, subscriptions: &[Subscription]) -> Result<Self, StoreError> {
        let rules = subscriptions.iter().flat_map(|one| &one.preferences);
        let mut ids: Vec<Id> = rules.flat_map(|rule| rule.workflows.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let workflows = store.workflows_by_id(ctx, ids).await?;
        Ok(Self(workflows.into_iter().map(|one| (one.id, one)).collect()))
    }

    /// The preferences of a subscription as answers show them, unless there are none. What names a workflow that is gone
    /// is not shown.
    pub(super) fn preferences(&self, subscription: &Subscription) -> Option<Vec<PreferenceResponse>> {
        if subscription.preferences.is_empty() {
            return None;
        }
        let mut shown = Vec::new();
        for rule in &subscription.preferences {
            for workflow in rule.workflows.iter().filter_map(|id| self.0.get(id)) {
                let preferences = &workflow.preferences;
                let all = &preferences.user.as_ref().unwrap_or(&preferences.default)["all"];
                shown.push(PreferenceResponse {
                    subscription_id: subscription.identifier.clone(),
                    workflow: WorkflowDto {
                        id: workflow.id,
                        identifier: workflow.workflow_id.clone(),
                        name: workflow.name.clone(),
                        critical: all["readOnly"].as_bool().unwrap_or(false),
                        tags: workflow.tags.clone(),
                        severity: workflow.severity,
                    },
                    enabled: rule.enabled.or(all["enabled"].as_bool()).unwrap_or(true),
                    condition: rule.condition.clone(),
                });
            }
        }
        Some(shown)
    }
}

/// Finds the workflows that these entries name. Those that are not there are left out, as the original does.
pub(super) async fn resolve(store: &Store, ctx: &Ctx, entries: Vec<Entry>) -> Result<Vec<Rule>> {
    let names = || entries.iter().flat_map(|entry| &entry.workflows);
    let ids: Vec<Id> = names().filter_map(|name| name.parse().ok()).collect();
    let identifiers: Vec<String> = names().cloned().collect();
    let tags: Vec<String> = entries.iter().flat_map(|entry| entry.tags.clone()).collect();
    if identifiers.is_empty() && tags.is_empty() {
        return Ok(Vec::new());
    }
    let workflows = store.workflows_matching(ctx, ids, identifiers, tags, MOST + 1).await?;
    if workflows.len() > MOST {
        return Err(campanile_model::Error::invalid(vec![format!(
            "preferences must not name more than {MOST} workflows"
        )]));
    }
    Ok(assign(entries, &workflows))
}

/// Each workflow goes to the first entry with one of its tags, or else to the first that names it.
fn assign(entries: Vec<Entry>, workflows: &[Workflow]) -> Vec<Rule> {
    let mut assigned: Vec<Vec<Id>> = entries.iter().map(|_| Vec::new()).collect();
    for workflow in workflows {
        let place = entries
            .iter()
            .position(|entry| entry.tags(workflow))
            .or_else(|| entries.iter().position(|entry| entry.names(workflow)));
        if let Some(ids) = place.and_then(|place| assigned.get_mut(place)) {
            ids.push(workflow.id);
        }
    }
    let rules = entries.into_iter().zip(assigned).map(|(entry, workflows)| Rule {
        workflows,
        enabled: entry.enabled,
        condition: entry.condition,
    });
    rules.filter(|rule| !rule.workflows.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use campanile_model::Time;
    use campanile_model::channel::{Origin, WorkflowStatus};
    use campanile_store::workflows::Preferences;

    use super::*;

    fn workflow(number: u8, workflow_id: &str, tags: &[&str]) -> Workflow {
        Workflow {
            id: Id::from_bytes([number; 12]),
            workflow_id: workflow_id.to_owned(),
            name: workflow_id.to_owned(),
            description: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            active: true,
            status: WorkflowStatus::Active,
            validate_payload: false,
            payload_schema: None,
            translated: false,
            severity: Severity::None,
            origin: Origin::NovuCloud,
            preferences: Preferences {
                user: None,
                default: json!({ "all": { "enabled": true } }),
            },
            steps: Vec::new(),
            last_triggered_at: None,
            published_at: None,
            created_at: Time::from_millis(0),
            updated_at: Time::from_millis(0),
        }
    }

    fn read(value: &Value) -> Result<Vec<Entry>, usize> {
        let mut problems = Problems::default();
        let entries = Vec::<Entry>::read(value, &Path::Root, &mut problems);
        entries
            .filter(|_| problems.is_empty())
            .ok_or(usize::from(!problems.is_empty()))
    }

    #[test]
    fn a_tag_wins_over_a_name_and_the_first_entry_over_later_ones() {
        let workflows = [
            workflow(1, "a", &["news"]),
            workflow(2, "b", &[]),
            workflow(3, "c", &["news"]),
        ];
        let entries = read(&json!([
            "a",
            { "workflowId": workflows[1].id, "enabled": false },
            { "filter": { "tags": ["news"], "workflowIds": ["b"] }, "condition": { "==": [1, 1] } },
            { "filter": { "tags": ["news"] }, "enabled": false },
            "nobody",
        ]));
        let rules = assign(entries.unwrap(), &workflows);
        let shown: Vec<_> = rules
            .iter()
            .map(|rule| (rule.workflows.clone(), rule.enabled))
            .collect();
        assert_eq!(
            shown,
            [
                (vec![workflows[1].id], Some(false)),
                (vec![workflows[0].id, workflows[2].id], None),
            ]
        );
    }

    #[test]
    fn entries_of_other_shapes_are_refused() {
        for wrong in [
            json!([5]),
            json!([{}]),
            json!([{ "filter": 5 }]),
            json!([{ "workflowId": "a", "enabled": "yes" }]),
        ] {
            assert_eq!(read(&wrong).unwrap_err(), 1, "{wrong}");
        }
        let long = json!([{ "workflowId": "a", "condition": { "==": ["x".repeat(LONGEST_CONDITION), 1] } }]);
        let mut problems = Problems::default();
        let _ = Vec::<Entry>::read(&long, &Path::Root, &mut problems);
        assert!(!problems.is_empty());
    }
}
