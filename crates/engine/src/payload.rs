//! Payloads and answers against the JSON schemas that users write: validation, and defaults for what is missing.

use campanile_model::{Error, Result};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Value, json};

/// More faults of one value are not listed.
const MOST: usize = 50;
/// Larger values are left out of the list of faults.
const LARGEST: usize = 1024;
/// Defaults are looked for so deep, and in no more schemas and values than this: a schema may refer to itself.
const DEEPEST: usize = 64;
const MOST_VISITED: usize = 100_000;

/// A schema that can be used.
pub struct Schema {
    source: Value,
    validator: Validator,
}

/// What is wrong with one place of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The place: names joined by dots, `root` for the whole value.
    pub field: String,
    /// What is wrong, in the words of AJV, which the original uses.
    pub message: String,
    /// What is there, unless it is large.
    pub value: Value,
    /// The part of the schema that says so.
    pub schema_path: String,
}

impl Schema {
    /// Reads a schema; `Err` says why it cannot be used. It is of draft 7 unless it says otherwise. References lead
    /// nowhere but into the schema itself, and patterns cannot take long.
    pub fn new(source: &Value) -> Result<Self, String> {
        let mut options = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::fancy_regex()
                    .backtrack_limit(50_000)
                    .size_limit(1 << 20),
            );
        if source.get("$schema").is_none() {
            options = options.with_draft(Draft::Draft7);
        }
        match options.build(source) {
            Ok(validator) => Ok(Self {
                source: source.clone(),
                validator,
            }),
            Err(error) => Err(error.masked().to_string()),
        }
    }

    /// The schema as it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// What is wrong with this value; the first so many faults.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(value)
            .flat_map(|error| faults(&error))
            .take(MOST)
            .collect()
    }

    /// Puts the schema's defaults where a value is missing.
    pub fn complete(&self, value: &mut Value) {
        let mut left = MOST_VISITED;
        complete(&self.source, &self.source, value, DEEPEST, &mut left);
    }
}

/// The original's refusal of a payload that does not fit.
pub(crate) fn refuse(schema: &Schema, payload: &Value) -> Result<()> {
    let faults = schema.faults(payload);
    if faults.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.field, fault.message))
        .collect();
    let errors: Value = faults
        .into_iter()
        .map(|fault| {
            json!({
                "field": fault.field,
                "message": fault.message,
                "value": fault.value,
                "schemaPath": fault.schema_path,
            })
        })
        .collect();
    Err(
        Error::bad_request(format!("Payload validation failed: {}", texts.join("; ")))
            .with("type", "PAYLOAD_VALIDATION_ERROR")
            .with("errors", errors)
            .with("schema", schema.source().clone()),
    )
}

fn faults(error: &ValidationError<'_>) -> Vec<Fault> {
    let path = error.instance_path().as_str();
    let place = path.trim_start_matches('/').replace('/', ".");
    let place = if place.is_empty() { "root".to_owned() } else { place };
    let value = error.instance().as_ref();
    let is_large = value.to_string().len() > LARGEST;
    let fault = |field: String, message: String| Fault {
        field,
        message,
        value: if is_large { Value::Null } else { value.clone() },
        schema_path: format!("#{}", error.schema_path()),
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![fault(
                format!("{place}.{name}"),
                format!("must have required property '{name}'"),
            )]
        }
        // One for each, as AJV counts them.
        Kind::AdditionalProperties { unexpected } => {
            let text = || "must NOT have additional properties".to_owned();
            unexpected.iter().map(|_| fault(place.clone(), text())).collect()
        }
        kind => vec![fault(
            place,
            message(kind).unwrap_or_else(|| error.masked().to_string()),
        )],
    }
}

/// The text of AJV for the kinds that people meet.
fn message(kind: &Kind) -> Option<String> {
    let count = |what: &str, limit: &u64, items: &str| Some(format!("must NOT have {what} than {limit} {items}"));
    match kind {
        Kind::Type { kind } => {
            let names = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(all) => all.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(","),
            };
            Some(format!("must be {names}"))
        }
        Kind::Enum { .. } => Some("must be equal to one of the allowed values".to_owned()),
        Kind::Constant { .. } => Some("must be equal to constant".to_owned()),
        Kind::Format { format } => Some(format!("must match format \"{format}\"")),
        Kind::Pattern { pattern } => Some(format!("must match pattern \"{pattern}\"")),
        Kind::Minimum { limit } => Some(format!("must be >= {limit}")),
        Kind::Maximum { limit } => Some(format!("must be <= {limit}")),
        Kind::ExclusiveMinimum { limit } => Some(format!("must be > {limit}")),
        Kind::ExclusiveMaximum { limit } => Some(format!("must be < {limit}")),
        Kind::MultipleOf { multiple_of } => Some(format!("must be multiple of {multiple_of}")),
        Kind::MinLength { limit } => count("fewer", limit, "characters"),
        Kind::MaxLength { limit } => count("more", limit, "characters"),
        Kind::MinItems { limit } => count("fewer", limit, "items"),
        Kind::MaxItems { limit } => count("more", limit, "items"),
        Kind::MinProperties { limit } => count("fewer", limit, "properties"),
        Kind::MaxProperties { limit } => count("more", limit, "properties"),
        Kind::AnyOf { .. } => Some("must match a schema in anyOf".to_owned()),
        Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } => {
            Some("must match exactly one schema in oneOf".to_owned())
        }
        Kind::Not { .. } => Some("must NOT be valid".to_owned()),
        Kind::FalseSchema => Some("boolean schema is false".to_owned()),
        _ => None,
    }
}

/// As AJV does it: in `properties` and in the positions of a list, through references and `allOf`, never in
/// alternatives.
fn complete(root: &Value, schema: &Value, value: &mut Value, depth: usize, left: &mut usize) {
    let (Some(depth), Some(members)) = (depth.checked_sub(1), schema.as_object()) else {
        return;
    };
    let Some(fewer) = left.checked_sub(1) else { return };
    *left = fewer;
    if let Some(Value::String(reference)) = members.get("$ref") {
        if let Some(found) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            complete(root, found, value, depth, left);
        }
        return;
    }
    for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        complete(root, part, value, depth, left);
    }
    match value {
        Value::Object(object) => {
            let properties = members.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                if let (None, Some(default)) = (object.get(name), schema.get("default")) {
                    object.insert(name.clone(), default.clone());
                }
                if let Some(member) = object.get_mut(name) {
                    complete(root, schema, member, depth, left);
                }
            }
            if let Some(further) = members
                .get("additionalProperties")
                .filter(|further| further.is_object())
            {
                let known = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
                for (_, member) in object.iter_mut().filter(|(name, _)| !known(name)) {
                    complete(root, further, member, depth, left);
                }
            }
        }
        Value::Array(items) => match members.get("items") {
            Some(Value::Array(schemas)) => {
                for (at, schema) in schemas.iter().enumerate() {
                    if let (true, Some(default)) = (items.len() == at, schema.get("default")) {
                        items.push(default.clone());
                    }
                    if let Some(item) = items.get_mut(at) {
                        complete(root, schema, item, depth, left);
                    }
                }
            }
            Some(schema) => items
                .iter_mut()
                .for_each(|item| complete(root, schema, item, depth, left)),
            None => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::new(&json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 2 },
                "age": { "type": "integer", "minimum": 18, "default": 20 },
                "address": { "$ref": "#/definitions/address", "default": {} },
                "tags": { "type": "array", "items": { "type": "object", "properties": { "kind": { "default": "plain" } } } },
                "mail": { "type": "string", "format": "email" },
            },
            "required": ["name"],
            "additionalProperties": false,
            "definitions": { "address": { "type": "object", "properties": { "country": { "default": "NO" } } } },
        }))
        .unwrap()
    }

    #[test]
    fn defaults_are_filled_in_and_given_values_win() {
        let mut value = json!({ "name": "Ada", "age": 30, "tags": [{}, { "kind": "x" }] });
        schema().complete(&mut value);
        let wanted = json!({
            "name": "Ada", "age": 30, "tags": [{ "kind": "plain" }, { "kind": "x" }], "address": { "country": "NO" },
        });
        assert_eq!(value, wanted);
        let mut other = json!([1]);
        schema().complete(&mut other);
        assert_eq!(other, json!([1]));
    }

    #[test]
    fn faults_speak_as_the_original_does() {
        let value = json!({ "age": 3, "tags": [1], "mail": "x", "more": 1, "most": 2 });
        let mut found: Vec<(String, String)> = schema()
            .faults(&value)
            .into_iter()
            .map(|fault| (fault.field, fault.message))
            .collect();
        found.sort();
        let wanted = [
            ("age", "must be >= 18"),
            ("mail", "must match format \"email\""),
            ("root", "must NOT have additional properties"),
            ("root", "must NOT have additional properties"),
            ("root.name", "must have required property 'name'"),
            ("tags.0", "must be object"),
        ];
        assert_eq!(
            found,
            wanted.map(|(field, message)| (field.to_owned(), message.to_owned()))
        );
        let error = refuse(&schema(), &json!({ "name": 1 })).unwrap_err();
        assert_eq!(error.message(), "Payload validation failed: name: must be string");
        assert_eq!(error.extras()["type"], "PAYLOAD_VALIDATION_ERROR");
        assert_eq!(error.extras()["errors"][0]["value"], 1);
    }

    #[test]
    fn schemas_that_cannot_be_used_are_refused() {
        for wrong in [
            json!({ "type": "text" }),
            json!({ "properties": 5 }),
            json!({ "pattern": "(" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
        ] {
            assert!(Schema::new(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hostile_schemas_end() {
        for looping in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            json!({ "anyOf": [{ "$ref": "#/definitions/a" }], "definitions": { "a": { "not": { "$ref": "#" } } } }),
            json!({ "properties": { "a": { "$ref": "#", "default": {} } }, "additionalProperties": { "$ref": "#" } }),
        ] {
            if let Ok(schema) = Schema::new(&looping) {
                schema.complete(&mut json!({}));
                let _ = schema.faults(&json!({ "a": { "b": {} } }));
            }
        }
        let slow = Schema::new(&json!({ "pattern": "^(a+)+\\1$" })).unwrap();
        assert!(!slow.faults(&json!(format!("{}b", "a".repeat(5000)))).is_empty());
    }
}
