//! Which variables a step may use, as a JSON schema (api.md 6.5).

use campanile_liquid::{Segment, Template};
use campanile_model::StepType;
use campanile_store::workflows::{Step, Workflow};
use serde_json::{Map, Value, json};

use super::templates::{Piece, find};

/// Longer paths are inferred up to here, and no more than so many: a hostile template cannot make a schema that is too
/// deep or too large to write.
const DEEPEST: usize = 32;
const MOST: usize = 1000;

/// What a workflow is given when the caller says nothing about payloads.
pub(super) fn open_schema() -> Value {
    json!({ "type": "object", "additionalProperties": true, "properties": {} })
}

/// The schema of the payload: the caller's, or else what the steps use.
pub(super) fn payload(workflow: &Workflow) -> Value {
    match &workflow.payload_schema {
        Some(schema) if *schema != open_schema() => schema.clone(),
        _ => inferred(&workflow.steps),
    }
}

/// The schema of all variables of the step at this position.
pub(super) fn of_step(workflow: &Workflow, position: usize, payload: &Value) -> Value {
    let before: Map<String, Value> = workflow
        .steps
        .iter()
        .take(position)
        .map(|step| (step.step_id.clone(), result_of(step)))
        .collect();
    let open = || json!({ "type": "object", "properties": {}, "additionalProperties": true });
    let mut properties = json!({
        "subscriber": subscriber(),
        "steps": { "type": "object", "properties": before, "required": [], "additionalProperties": false },
        "payload": payload,
        "actor": subscriber(),
        "workflow": {
            "type": "object",
            "properties": {
                "workflowId": { "type": "string" },
                "name": { "type": "string" },
                "description": { "type": "string" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "severity": { "type": "string" },
            },
            "additionalProperties": true,
        },
        "context": open(),
        "env": open(),
    });
    if workflow.translated {
        properties["t"] = open();
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn subscriber() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "properties": {
            "firstName": text,
            "lastName": text,
            "email": text,
            "phone": text,
            "avatar": text,
            "locale": text,
            "timezone": text,
            "subscriberId": text,
            "isOnline": { "type": "boolean" },
            "lastOnlineAt": { "type": "string", "format": "date-time" },
            "data": { "type": "object", "properties": {}, "additionalProperties": true },
        },
        "required": ["firstName", "lastName", "email", "subscriberId"],
        "additionalProperties": false,
    })
}

/// What a step leaves behind for those after it.
fn result_of(step: &Step) -> Value {
    let moment = || json!({ "type": "string", "format": "date-time" });
    let properties = match step.kind {
        StepType::InApp => json!({
            "seen": { "type": "boolean" },
            "read": { "type": "boolean" },
            "lastSeenDate": { "type": ["string", "null"], "format": "date-time" },
            "lastReadDate": { "type": ["string", "null"], "format": "date-time" },
        }),
        StepType::Digest => json!({
            "eventCount": { "type": "number" },
            "events": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string" },
                        "time": moment(),
                        "payload": { "type": "object", "properties": {}, "additionalProperties": true },
                    },
                    "required": ["id", "time", "payload"],
                    "additionalProperties": false,
                },
            },
        }),
        StepType::HttpRequest => match step.control_values.get("responseBodySchema") {
            Some(schema @ Value::Object(_)) => return schema.clone(),
            _ => return json!({ "type": "object", "properties": {}, "additionalProperties": true }),
        },
        StepType::Custom => return json!({ "type": "object", "properties": {}, "additionalProperties": true }),
        _ => json!({}),
    };
    json!({ "type": "object", "properties": properties, "required": [], "additionalProperties": false })
}

/// The schema of everything below `payload` that the templates of these steps read.
fn inferred(steps: &[Step]) -> Value {
    let mut schema = open_schema();
    let found = steps.iter().flat_map(|step| find(&step.control_values));
    let paths = found.flat_map(|found| read_by(&found.piece));
    let is_payload = |path: &Vec<Segment>| path.first() == Some(&Segment::Name("payload".to_owned()));
    for path in paths.filter(is_payload).take(MOST) {
        add(&mut schema, &path[1..path.len().min(DEEPEST)], "payload");
    }
    schema
}

/// The paths that a piece reads; none when it is no valid template.
pub(super) fn read_by(piece: &Piece) -> Vec<Vec<Segment>> {
    match piece {
        Piece::Template(text) if !text.contains('{') => Vec::new(),
        Piece::Template(text) => Template::parse(text).map_or_else(
            |_| Vec::new(),
            |template| {
                template
                    .variables()
                    .into_iter()
                    .map(|variable| variable.segments)
                    .collect()
            },
        ),
        Piece::Path(path) => vec![segments(path)],
    }
}

/// A path as editors and conditions write it: `payload.items.0.name`, `payload.items[0].name`.
pub(super) fn segments(path: &str) -> Vec<Segment> {
    path.replace('[', ".")
        .replace(']', "")
        .split('.')
        .map(|part| match part.parse::<i64>() {
            Ok(index) => Segment::Index(index),
            Err(_) => Segment::Name(part.trim().to_owned()),
        })
        .collect()
}

/// Adds a path to an inferred schema. `path` is its text so far, which becomes the leaf's default.
fn add(schema: &mut Value, rest: &[Segment], path: &str) {
    let Some((first, rest)) = rest.split_first() else {
        return;
    };
    match first {
        Segment::Name(name) => {
            // A text that turns out to have members is an object.
            if schema["type"] != "object" {
                *schema = open_schema();
            }
            let path = format!("{path}.{name}");
            let Some(properties) = schema["properties"].as_object_mut() else {
                return;
            };
            let member = properties
                .entry(name.as_str())
                .or_insert_with(|| json!({ "type": "string", "default": path }));
            add(member, rest, &path);
        }
        Segment::Index(_) | Segment::Dynamic => {
            if schema["type"] != "array" {
                // Members were read too: then it may be either, and the object's schema says more.
                if schema["type"] == "object" {
                    return;
                }
                *schema = json!({ "type": "array", "items": { "type": "string", "default": path } });
            }
            add(&mut schema["items"], rest, path);
        }
    }
}

/// Whether a schema lets a path be read. What it does not speak about is allowed.
pub(super) fn allows(schema: &Value, path: &[Segment]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let Some(members) = schema.as_object() else {
        return schema != &Value::Bool(false);
    };
    let speaks_otherwise = ["$ref", "anyOf", "oneOf", "allOf", "if", "patternProperties"];
    if speaks_otherwise.iter().any(|key| members.contains_key(*key)) {
        return true;
    }
    let name = match first {
        Segment::Name(name) => name.clone(),
        Segment::Index(index) => index.to_string(),
        Segment::Dynamic => return true,
    };
    match members.get("type").and_then(Value::as_str) {
        Some("array") => match name.as_str() {
            "size" | "length" => rest.is_empty(),
            "first" | "last" => members.get("items").is_none_or(|items| allows(items, rest)),
            _ if name.parse::<i64>().is_ok() => members.get("items").is_none_or(|items| allows(items, rest)),
            _ => false,
        },
        Some("string" | "number" | "integer" | "boolean" | "null") => {
            rest.is_empty() && matches!(name.as_str(), "size" | "length")
        }
        _ => match members.get("properties").and_then(|properties| properties.get(&name)) {
            Some(member) => allows(member, rest),
            None => match members.get("additionalProperties") {
                Some(Value::Bool(allowed)) => *allowed,
                Some(schema) => allows(schema, rest),
                None => true,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{step, workflow};
    use super::*;

    #[test]
    fn the_payload_is_inferred_from_all_steps() {
        let mut workflow = workflow(vec![
            step("a", StepType::Email, &json!({ "subject": "{{payload.name}}" })),
            step(
                "b",
                StepType::Chat,
                &json!({ "body": "{{payload.user.city}} {{ payload.items[0].id }} {{ subscriber.email }}" }),
            ),
        ]);
        assert_eq!(
            payload(&workflow),
            json!({
                "type": "object",
                "additionalProperties": true,
                "properties": {
                    "name": { "type": "string", "default": "payload.name" },
                    "user": { "type": "object", "additionalProperties": true, "properties": {
                        "city": { "type": "string", "default": "payload.user.city" },
                    } },
                    "items": { "type": "array", "items": {
                        "type": "object", "additionalProperties": true, "properties": {
                            "id": { "type": "string", "default": "payload.items.id" },
                        },
                    } },
                },
            })
        );
        workflow.steps.remove(0);
        assert!(payload(&workflow)["properties"].get("name").is_none());
        workflow.steps.clear();
        assert_eq!(payload(&workflow), open_schema());
    }

    #[test]
    fn a_very_long_path_is_cut() {
        let body = format!("{{{{ payload{} }}}}", ".a".repeat(5000));
        let workflow = workflow(vec![step("a", StepType::Chat, &json!({ "body": body }))]);
        assert!(payload(&workflow).to_string().len() < 10_000);
    }

    #[test]
    fn a_schema_of_the_caller_stands() {
        let mut workflow = workflow(vec![step("a", StepType::Chat, &json!({ "body": "{{payload.x}}" }))]);
        let given = json!({ "type": "object", "properties": { "y": { "type": "number" } } });
        workflow.payload_schema = Some(given.clone());
        assert_eq!(payload(&workflow), given);
        workflow.payload_schema = Some(open_schema());
        assert!(payload(&workflow)["properties"].get("x").is_some());
    }

    #[test]
    fn a_step_sees_the_results_of_those_before_it() {
        let workflow = workflow(vec![
            step("inbox", StepType::InApp, &json!({})),
            step("collect", StepType::Digest, &json!({})),
            step("chat", StepType::Chat, &json!({})),
        ]);
        let schema = of_step(&workflow, 2, &open_schema());
        for (path, allowed) in [
            ("steps.inbox.seen", true),
            ("steps.inbox.nothing", false),
            ("steps.collect.eventCount", true),
            ("steps.collect.events.0.payload.any.thing", true),
            ("steps.collect.events.size", true),
            ("steps.collect.events.first.id", true),
            ("steps.collect.events.name", false),
            ("steps.chat", false),
            ("subscriber.firstName", true),
            ("subscriber.first_name", false),
            ("subscriber.data.any.thing", true),
            ("payload.any", true),
            ("context.tenant.id", true),
            ("name", false),
            ("t.key", false),
        ] {
            assert_eq!(allows(&schema, &segments(path)), allowed, "{path}");
        }
        let first = of_step(&workflow, 0, &open_schema());
        assert!(!allows(&first, &segments("steps.collect.events")));
    }

    #[test]
    fn a_closed_payload_allows_only_what_it_names() {
        let schema = json!({
            "type": "object",
            "properties": { "a": { "type": "object", "properties": { "b": { "type": "string" } } } },
            "additionalProperties": false,
        });
        for (path, allowed) in [("a.b", true), ("a.c", true), ("c", false), ("a.b.c", false)] {
            assert_eq!(allows(&schema, &segments(path)), allowed, "{path}");
        }
    }
}
