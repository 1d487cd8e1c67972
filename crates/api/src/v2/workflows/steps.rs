//! The steps of a request matched with those that a workflow has (api.md 6.1).

use campanile_model::{Error, Id, Result};
use campanile_store::workflows::Step;
use serde_json::{Map, Value};

use super::body::StepUpsert;
use super::identifiers;
use crate::shape::Given;

/// How often a taken `stepId` gets another suffix.
const TRIES: usize = 5;

/// Where new ids and suffixes come from.
pub(super) struct Source<'a> {
    pub(super) id: &'a dyn Fn() -> Id,
    pub(super) suffix: &'a dyn Fn() -> Result<String>,
}

/// The steps as they will be: matched by `_id`, else by `stepId`, else new. A matched step keeps both.
pub(super) fn merge(given: &[StepUpsert], known: &[Step], source: &Source<'_>) -> Result<Vec<Step>> {
    let matched = matches(given, known);
    // The identifiers of steps that stay are taken, wherever in the list a new step stands.
    let mut taken: Vec<String> = matched.iter().flatten().map(|step| step.step_id.clone()).collect();
    let mut merged = Vec::with_capacity(given.len());
    for (wanted, known) in given.iter().zip(matched) {
        let (id, step_id) = if let Some(known) = known {
            (known.id, known.step_id.clone())
        } else {
            let step_id = match &wanted.step_id {
                Some(step_id) => step_id.clone(),
                None => identifiers::from_name(&wanted.name)?,
            };
            let step_id = free(step_id, &taken, source.suffix)?;
            taken.push(step_id.clone());
            ((source.id)(), step_id)
        };
        merged.push(Step {
            id,
            step_id,
            name: wanted.name.clone(),
            kind: wanted.kind.0,
            control_values: control_values(&wanted.control_values, known),
            issues: Map::new(),
        });
    }
    Ok(merged)
}

/// For each step of a request the one that it means; none is meant twice.
fn matches<'k>(given: &[StepUpsert], known: &'k [Step]) -> Vec<Option<&'k Step>> {
    let mut matched: Vec<Option<&Step>> = vec![None; given.len()];
    let means_id = |wanted: &StepUpsert, step: &Step| wanted.id.as_ref().is_some_and(|id| *id == step.id.to_string());
    let means_step_id = |wanted: &StepUpsert, step: &Step| wanted.step_id.as_ref() == Some(&step.step_id);
    for means in [&means_id as &dyn Fn(&StepUpsert, &Step) -> bool, &means_step_id] {
        for (index, wanted) in given.iter().enumerate() {
            if matched[index].is_none() {
                let is_free = |step: &&Step| !matched.iter().flatten().any(|other| other.id == step.id);
                matched[index] = known.iter().filter(is_free).find(|step| means(wanted, step));
            }
        }
    }
    matched
}

fn control_values(given: &Given<Map<String, Value>>, known: Option<&Step>) -> Map<String, Value> {
    match given {
        Given::Value(values) => values.clone(),
        Given::Null => Map::new(),
        Given::Absent => known.map(|step| step.control_values.clone()).unwrap_or_default(),
    }
}

fn free(wanted: String, taken: &[String], suffix: &dyn Fn() -> Result<String>) -> Result<String> {
    if !taken.contains(&wanted) {
        return Ok(wanted);
    }
    for _ in 0..TRIES {
        let candidate = format!("{wanted}-{}", suffix()?);
        if !taken.contains(&candidate) {
            return Ok(candidate);
        }
    }
    Err(Error::bad_request("Failed to generate unique stepId").with("stepId", wanted))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use campanile_model::StepType;
    use serde_json::json;

    use super::super::body::Kind;
    use super::super::testing::step;
    use super::*;

    fn wanted(id: Option<Id>, step_id: Option<&str>, name: &str, values: Given<Map<String, Value>>) -> StepUpsert {
        StepUpsert {
            id: id.map(|id| id.to_string()),
            step_id: step_id.map(str::to_owned),
            name: name.to_owned(),
            kind: Kind(StepType::Chat),
            control_values: values,
        }
    }

    fn merged(given: &[StepUpsert], known: &[Step]) -> Vec<Step> {
        let (ids, suffixes) = (Cell::new(0), Cell::new(0));
        let source = Source {
            id: &|| {
                ids.set(ids.get() + 1);
                Id::from_bytes([ids.get(); 12])
            },
            suffix: &|| {
                suffixes.set(suffixes.get() + 1);
                Ok(format!("s00{}", suffixes.get()))
            },
        };
        merge(given, known, &source).unwrap()
    }

    fn step_ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.step_id.as_str()).collect()
    }

    #[test]
    fn new_steps_are_named_after_themselves_and_never_alike() {
        let steps = merged(
            &[
                wanted(None, None, "Send Chat", Given::Absent),
                wanted(None, None, "Send chat", Given::Absent),
                wanted(None, Some("own"), "x", Given::Absent),
            ],
            &[],
        );
        assert_eq!(step_ids(&steps), ["send-chat", "send-chat-s001", "own"]);
        assert!(steps[0].id != steps[1].id);
    }

    #[test]
    fn known_steps_keep_their_ids_by_id_first_then_by_step_id() {
        let known = [
            step("one", StepType::Chat, &json!({ "body": "1" })),
            step("two", StepType::Chat, &json!({ "body": "2" })),
        ];
        let steps = merged(
            &[
                wanted(None, Some("one"), "New", Given::Absent),
                wanted(Some(known[0].id), Some("renamed"), "First", Given::Absent),
                wanted(None, Some("two"), "Second", Given::Null),
            ],
            &known,
        );
        assert_eq!(step_ids(&steps), ["one-s001", "one", "two"]);
        assert_eq!((steps[1].id, steps[2].id), (known[0].id, known[1].id));
        assert_eq!(steps[1].control_values["body"], "1");
        assert!(steps[2].control_values.is_empty());
    }

    #[test]
    fn one_step_is_not_meant_twice() {
        let known = [step("one", StepType::Chat, &json!({}))];
        let id = Some(known[0].id);
        let steps = merged(
            &[
                wanted(id, None, "A", Given::Absent),
                wanted(id, None, "B", Given::Absent),
            ],
            &known,
        );
        assert_eq!(step_ids(&steps), ["one", "b"]);
        assert!(steps[1].id != known[0].id);
    }
}
