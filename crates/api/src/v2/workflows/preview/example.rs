//! The data that a preview is rendered with: the caller's where it is given, else examples made from the schemas and
//! from what the templates read.

use campanile_liquid::Segment;
use campanile_model::Time;
use campanile_store::workflows::Workflow;
use serde_json::{Map, Value, json};

use super::super::templates::find;
use super::super::variables::read_by;

/// Lists of examples have so many elements.
const ELEMENTS: usize = 3;
/// Examples are made so deep, and no more of them than this.
const DEEPEST: usize = 16;
const MOST: usize = 1000;

/// The data. `schema` is that of the step's variables.
pub(super) fn data(
    schema: &Value,
    workflow: &Workflow,
    position: usize,
    controls: &Map<String, Value>,
    given: Map<String, Value>,
    now: Time,
) -> Value {
    let mut left = MOST;
    let of = |name: &str, left: &mut usize| made(&schema["properties"][name], name, DEEPEST, now, left);
    let mut data = json!({
        "subscriber": {
            "subscriberId": "subscriber-id",
            "firstName": "John",
            "lastName": "Doe",
            "email": "user@example.com",
            "phone": "+1234567890",
            "avatar": "https://example.com/avatar.png",
            "locale": "en_US",
            "timezone": "America/New_York",
            "data": {},
        },
        "payload": of("payload", &mut left),
        "steps": of("steps", &mut left),
        "context": {},
        "env": {},
        "workflow": {
            "workflowId": workflow.workflow_id,
            "name": workflow.name,
            "description": workflow.description,
            "tags": workflow.tags,
            "severity": workflow.severity,
        },
    });
    let known = ["subscriber", "actor", "payload", "steps", "context", "env"];
    for (name, value) in given {
        if known.contains(&name.as_str()) && value.is_object() {
            put(&mut data, &name, value);
        }
    }
    for path in find(controls).iter().flat_map(|found| read_by(&found.piece)).take(MOST) {
        let is_known = matches!(path.first(), Some(Segment::Name(root)) if known.contains(&root.as_str()));
        if is_known && path.len() <= DEEPEST {
            fill(&mut data, &path);
        }
    }
    count_events(workflow, position, &mut data);
    data
}

/// What the caller gave wins where it is: members of objects one by one, everything else as a whole.
fn put(data: &mut Value, name: &str, given: Value) {
    let place = &mut data[name];
    match given {
        Value::Object(members) if place.is_object() => {
            for (name, value) in members {
                put(place, &name, value);
            }
        }
        Value::Null => {}
        given => *place = given,
    }
}

/// A text for what a template reads and nobody gave: the name of what is read.
fn fill(data: &mut Value, path: &[Segment]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match (first, data) {
        (Segment::Name(name), Value::Object(members)) => {
            let is_list = matches!(rest.first(), Some(Segment::Index(_) | Segment::Dynamic));
            let member = members.entry(name.as_str()).or_insert_with(|| match rest {
                [] => name.clone().into(),
                _ if is_list => vec![json!({}); ELEMENTS].into(),
                _ => json!({}),
            });
            fill(member, rest);
        }
        (Segment::Index(_) | Segment::Dynamic, Value::Array(items)) => {
            for item in items.iter_mut().take(ELEMENTS) {
                fill(item, rest);
            }
        }
        _ => {}
    }
}

/// A digest counts the events that it has.
fn count_events(workflow: &Workflow, position: usize, data: &mut Value) {
    let steps = data.get_mut("steps").and_then(Value::as_object_mut);
    let Some(steps) = steps else { return };
    for step in workflow.steps.iter().take(position) {
        let Some(digest) = steps.get_mut(&step.step_id).and_then(Value::as_object_mut) else {
            continue;
        };
        if let Some(count) = digest.get("events").and_then(Value::as_array).map(Vec::len) {
            digest.insert("eventCount".to_owned(), count.into());
        }
    }
}

/// An example of what the schema describes.
fn made(schema: &Value, name: &str, depth: usize, now: Time, left: &mut usize) -> Value {
    let (Some(depth), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        return Value::Null;
    };
    *left = fewer;
    // An inferred schema names its leaves by their paths; the name reads better.
    let default = schema.get("default").filter(|default| {
        !default
            .as_str()
            .is_some_and(|path| path.starts_with("payload.") && path.ends_with(&format!(".{name}")))
    });
    let of_list = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|list| list.first());
    let chosen = default
        .or_else(|| schema.get("const"))
        .or_else(|| of_list("examples"))
        .or_else(|| of_list("enum"));
    if let Some(chosen) = chosen {
        return chosen.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let members = properties.into_iter().flatten();
            members
                .map(|(name, schema)| (name.clone(), made(schema, name, depth, now, left)))
                .collect()
        }
        Some("array") => {
            let items = schema
                .get("items")
                .cloned()
                .unwrap_or_else(|| json!({ "type": "string" }));
            (0..ELEMENTS).map(|_| made(&items, name, depth, now, left)).collect()
        }
        Some("number" | "integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => match schema.get("format").and_then(Value::as_str) {
            Some("email") => json!("user@example.com"),
            Some("date-time") => json!(now.to_string()),
            Some("date") => json!(now.to_string().get(..10)),
            Some("uri" | "url") => json!("https://example.com"),
            _ => name.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use campanile_model::StepType;

    use super::super::super::testing::{step, workflow};
    use super::super::super::variables;
    use super::*;

    fn example(controls: &Value, schema: Option<Value>, given: &Value) -> Value {
        let mut workflow = workflow(vec![
            step("collect", StepType::Digest, &json!({ "amount": 1, "unit": "hours" })),
            step("ask", StepType::HttpRequest, &json!({})),
            step("say", StepType::Chat, controls),
        ]);
        workflow.payload_schema = schema;
        let variables = variables::of_step(&workflow, 2, &variables::payload(&workflow));
        let (controls, given) = (controls.as_object().unwrap(), given.as_object().cloned().unwrap());
        data(&variables, &workflow, 2, controls, given, Time::default())
    }

    #[test]
    fn what_templates_read_has_an_example() {
        let body =
            "{{payload.user.name}} {{payload.items[0].id}} {{steps.ask.score}} {{context.tenant.data.x}} {{env.KEY}}";
        let made = example(&json!({ "body": body }), None, &json!({}));
        assert_eq!(made["payload"]["user"]["name"], "name");
        assert_eq!(made["payload"]["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(made["payload"]["items"][2]["id"], "id");
        assert_eq!(made["steps"]["ask"]["score"], "score");
        assert_eq!(made["steps"]["collect"]["eventCount"], 3);
        assert_eq!(
            (&made["context"]["tenant"]["data"]["x"], &made["env"]["KEY"]),
            (&json!("x"), &json!("KEY"))
        );
        assert_eq!(made["subscriber"]["firstName"], "John");
    }

    #[test]
    fn a_schema_makes_examples_and_the_caller_wins() {
        let schema = json!({ "type": "object", "properties": {
            "n": { "type": "integer", "default": 7 }, "mail": { "type": "string", "format": "email" },
            "kind": { "enum": ["a", "b"] }, "tags": { "type": "array", "items": { "type": "boolean" } },
        } });
        let given = json!({ "payload": { "n": 9 }, "subscriber": { "firstName": "Ann" }, "steps": "wrong", "other": {},
            "actor": { "email": "x@example.com" } });
        let made = example(&json!({ "body": "" }), Some(schema), &given);
        let wanted = json!({ "n": 9, "mail": "user@example.com", "kind": "a", "tags": [true, true, true] });
        assert_eq!(made["payload"], wanted);
        assert_eq!(
            (&made["subscriber"]["firstName"], &made["subscriber"]["lastName"]),
            (&json!("Ann"), &json!("Doe"))
        );
        assert!(made["steps"].is_object() && made.get("other").is_none());
    }

    #[test]
    fn hostile_schemas_and_paths_stay_small() {
        let mut schema = json!({ "type": "string" });
        for _ in 0..40 {
            schema = json!({ "type": "array", "items": schema });
        }
        let deep = format!("{{{{payload{}}}}}", "[0]".repeat(500));
        let made = example(&json!({ "body": deep }), Some(schema), &json!({}));
        assert!(made.to_string().len() < 100_000);
    }
}
