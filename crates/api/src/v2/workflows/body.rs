//! Parts of the requests about workflows.

use campanile_engine::payload::Schema;
use campanile_model::{Channel, Error, Result, StepType};
use serde_json::{Map, Value, json};

use super::identifiers;
use crate::shape::{Path, Problems, Schemas, Shape, rules};
use crate::{choices, dto};

const MOST_TAGS: usize = 16;
const LONGEST_TAG: usize = 32;
/// More steps are refused.
const MOST_STEPS: usize = 20;

pub(super) fn name_rule(name: &str) -> Option<String> {
    rules::length(1, 64)(name)
}

pub(super) fn description_rule(text: &str) -> Option<String> {
    rules::length(0, 256)(text)
}

/// Words to find a workflow by.
#[derive(Clone, Debug)]
pub(super) struct Tags(pub(super) Vec<String>);

impl Shape for Tags {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let tags = Vec::<String>::read(value, path, problems)?;
        if tags.iter().any(|tag| !(1..=LONGEST_TAG).contains(&tag.chars().count())) {
            let text =
                format!("must be longer than or equal to 1 and shorter than or equal to {LONGEST_TAG} characters");
            problems.add(&path.each(), &text);
        }
        if tags.iter().enumerate().any(|(index, tag)| tags[..index].contains(tag)) {
            problems.add_text(format!("All {path}'s elements must be unique"));
        }
        if tags.len() > MOST_TAGS {
            problems.add(path, &format!("must contain no more than {MOST_TAGS} elements"));
        }
        Some(Self(tags))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "array",
            "items": { "type": "string", "minLength": 1, "maxLength": LONGEST_TAG },
            "maxItems": MOST_TAGS,
            "uniqueItems": true,
        })
    }
}

/// A type that a step may be given: the first job of a notification is not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(pub(super) StepType);

fn kinds() -> Vec<&'static str> {
    let kinds = StepType::ALL.iter().filter(|kind| **kind != StepType::Trigger);
    kinds.map(|kind| kind.wire()).collect()
}

impl Shape for Kind {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let kind = value.as_str().and_then(StepType::parse);
        let kind = kind.filter(|kind| *kind != StepType::Trigger);
        if kind.is_none() {
            let text = format!("must be one of the following values: {}", kinds().join(", "));
            problems.add(path, &text);
        }
        kind.map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string", "enum": kinds() })
    }
}

dto! {
    /// A step to add or change.
    StepUpsert {
        /// The id of the step to change; without it, one with the same `stepId`, or else a new one.
        optional id: String = "_id";
        /// Its identifier in the workflow; made from the name by default.
        optional step_id: String = "stepId" [identifiers::rule];
        required name: String = "name" [rules::length(1, 256)];
        required kind: Kind = "type";
        /// What it is told; null clears, absent keeps what a step has.
        given control_values: Map<String, Value> = "controlValues";
    }
}

choices! {
    /// Where in the original's dashboard a workflow was made; it changes nothing here.
    Source {
        TemplateStore = "template_store",
        Editor = "editor",
        NotificationDirectory = "notification_directory",
        OnboardingDigestDemo = "onboarding_digest_demo",
        OnboardingInApp = "onboarding_in_app",
        EmptyState = "empty_state",
        Dropdown = "dropdown",
        OnboardingGetStarted = "onboarding_get_started",
        Bridge = "bridge",
        Dashboard = "dashboard",
        Ai = "ai",
    }
}

/// One set of preferences, complete.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PreferenceSet(pub(super) Value);

impl PreferenceSet {
    /// Everything on.
    pub(super) fn everything() -> Self {
        Self(complete(true, false, None, &Map::new()))
    }
}

/// The channels that every set tells about.
const CHANNELS: &[Channel] = &[
    Channel::InApp,
    Channel::Email,
    Channel::Sms,
    Channel::Chat,
    Channel::Push,
];

fn complete(enabled: bool, read_only: bool, condition: Option<&Value>, given: &Map<String, Value>) -> Value {
    let mut all = json!({ "enabled": enabled, "readOnly": read_only });
    if let Some(condition) = condition {
        all["condition"] = condition.clone();
    }
    let channels: Map<String, Value> = Channel::ALL
        .iter()
        .filter(|channel| CHANNELS.contains(channel) || given.contains_key(channel.wire()))
        .map(|channel| {
            let enabled = given.get(channel.wire()).and_then(Value::as_bool).unwrap_or(enabled);
            (channel.wire().to_owned(), json!({ "enabled": enabled }))
        })
        .collect();
    json!({ "all": all, "channels": channels })
}

/// A boolean member, with what it is by default.
fn flag(object: &Map<String, Value>, name: &str, default: bool, path: &Path<'_>, problems: &mut Problems) -> bool {
    match object.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => bool::read(value, &path.field(name), problems).unwrap_or(default),
    }
}

impl Shape for PreferenceSet {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let object = Map::read(value, path, problems)?;
        let none = Map::new();
        let mut member = |name: &'static str| match object.get(name) {
            None | Some(Value::Null) => &none,
            Some(Value::Object(inner)) => inner,
            Some(_) => {
                problems.add(&path.field(name), "must be an object");
                &none
            }
        };
        let (all, channels) = (member("all"), member("channels"));
        let at = path.field("all");
        let enabled = flag(all, "enabled", true, &at, problems);
        let read_only = flag(all, "readOnly", false, &at, problems);
        let at = path.field("channels");
        let mut given = Map::new();
        for channel in Channel::ALL {
            let name = channel.wire();
            match channels.get(name) {
                Some(Value::Object(inner)) => {
                    let enabled = flag(inner, "enabled", true, &at.field(name), problems);
                    given.insert(name.to_owned(), enabled.into());
                }
                None | Some(Value::Null) => {}
                Some(_) => problems.add(&at.field(name), "must be an object"),
            }
        }
        let condition = all.get("condition").filter(|condition| !condition.is_null());
        Some(Self(complete(enabled, read_only, condition, &given)))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "properties": {
                "all": {
                    "type": "object",
                    "properties": { "enabled": { "type": "boolean" }, "readOnly": { "type": "boolean" } },
                },
                "channels": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "properties": { "enabled": { "type": "boolean" } },
                    },
                },
            },
        })
    }
}

dto! {
    /// Which channels subscribers get the workflow through unless they choose otherwise.
    PreferencesRequest {
        /// What is chosen in the dashboard; null clears it.
        optional user: PreferenceSet = "user";
        /// What the workflow itself says; null is everything on.
        given workflow: PreferenceSet = "workflow";
    }
}

/// A JSON schema as far as its form goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JsonSchema(Value);

impl Shape for JsonSchema {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        Value::read(value, path, problems).map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "object", "additionalProperties": true, "nullable": true })
    }
}

impl JsonSchema {
    /// The schema, or a 400 that says what is wrong with it.
    pub(super) fn checked(self) -> Result<Value> {
        match schema_fault(&self.0, "") {
            None if self.0.is_object() => match Schema::new(&self.0) {
                Ok(_) => Ok(self.0),
                Err(problem) => Err(refused(&problem)),
            },
            None => Err(refused("it must be an object")),
            Some(fault) => Err(refused(&fault)),
        }
    }
}

fn refused(fault: &str) -> Error {
    Error::bad_request(format!("Payload schema is not a valid JSON schema: {fault}"))
}

/// Looks through a schema and the schemas in it.
fn schema_fault(schema: &Value, path: &str) -> Option<String> {
    const TYPES: &[&str] = &["string", "number", "integer", "boolean", "object", "array", "null"];
    let place = if path.is_empty() { "the schema" } else { path };
    let members = match schema {
        Value::Object(members) => members,
        Value::Bool(_) => return None,
        _ => return Some(format!("{place} must be an object")),
    };
    let known = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
    let type_fits = match members.get("type") {
        None => true,
        Some(Value::Array(kinds)) => !kinds.is_empty() && kinds.iter().all(known),
        Some(kind) => known(kind),
    };
    if !type_fits {
        return Some(format!("the type of {place} must be one of {}", TYPES.join(", ")));
    }
    if let Some(required) = members.get("required")
        && !required
            .as_array()
            .is_some_and(|names| names.iter().all(Value::is_string))
    {
        return Some(format!("required of {place} must be a list of names"));
    }
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(properties) = members.get("properties") {
        let Value::Object(properties) = properties else {
            return Some(format!("properties of {place} must be an object"));
        };
        for (name, schema) in properties {
            if let Some(fault) = schema_fault(schema, &below(name)) {
                return Some(fault);
            }
        }
    }
    match members.get("items") {
        None => {}
        Some(Value::Array(schemas)) => {
            return schemas.iter().find_map(|schema| schema_fault(schema, &below("items")));
        }
        Some(schema) => return schema_fault(schema, &below("items")),
    }
    None
}

/// A 400 when there are too many steps.
pub(super) fn check_count(steps: &[StepUpsert]) -> Result<()> {
    if steps.len() <= MOST_STEPS {
        return Ok(());
    }
    let text = format!(
        "Workflow steps limit exceeded. Maximum allowed steps is {MOST_STEPS}, but got {} steps.",
        steps.len()
    );
    Err(Error::bad_request(text)
        .with("providedStepsCount", steps.len())
        .with("maxSteps", MOST_STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_of<T: Shape>(value: &Value) -> Vec<String> {
        let mut problems = Problems::default();
        let _ = T::read(value, &Path::Field(&Path::Root, "tags"), &mut problems);
        let error = problems.into_error();
        let texts = error
            .errors()
            .and_then(|errors| errors["general"]["messages"].as_array());
        let texts = texts.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    #[test]
    fn tags_are_refused_in_the_words_of_the_reference() {
        let long = "x".repeat(33);
        let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        for (tags, wanted) in [
            (
                json!([long]),
                "each value in tags must be longer than or equal to 1 and shorter than or equal to 32 characters",
            ),
            (
                json!([""]),
                "each value in tags must be longer than or equal to 1 and shorter than or equal to 32 characters",
            ),
            (json!(["a", "a"]), "All tags's elements must be unique"),
            (json!(many), "tags must contain no more than 16 elements"),
        ] {
            assert_eq!(texts_of::<Tags>(&tags), [wanted], "{tags}");
        }
        assert!(texts_of::<Tags>(&json!(["a", "b"])).is_empty());
    }

    #[test]
    fn a_set_of_preferences_is_completed() {
        let read = |value: Value| {
            PreferenceSet::read(&value, &Path::Root, &mut Problems::default())
                .unwrap()
                .0
        };
        assert_eq!(read(json!({})), PreferenceSet::everything().0);
        let set = read(json!({ "all": { "enabled": false }, "channels": { "chat": { "enabled": true } } }));
        assert_eq!(set["all"], json!({ "enabled": false, "readOnly": false }));
        assert_eq!(set["channels"]["chat"]["enabled"], true);
        assert_eq!(set["channels"]["email"]["enabled"], false);
        assert!(set["channels"].get("tool").is_none());
    }

    #[test]
    fn a_payload_schema_has_to_look_like_one() {
        for good in [
            json!({}),
            json!({ "type": "object", "properties": { "a": { "type": ["string", "null"] } }, "required": ["a"] }),
            json!({ "type": "array", "items": { "type": "string" } }),
        ] {
            assert!(JsonSchema(good.clone()).checked().is_ok(), "{good}");
        }
        for bad in [
            json!("x"),
            json!([]),
            json!(true),
            json!({ "type": "invalid" }),
            json!({ "properties": [] }),
            json!({ "properties": { "a": { "type": 5 } } }),
            json!({ "required": "a" }),
        ] {
            assert!(JsonSchema(bad.clone()).checked().is_err(), "{bad}");
        }
    }
}
