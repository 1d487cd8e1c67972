//! Schemas for the OpenAPI document, collected while the routes are walked.

use std::collections::BTreeMap;

use campanile_model::{Channel, Id, StepType, Time, channel};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The named schemas of the document.
#[derive(Default)]
pub(crate) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// A reference to the object of this name, which is described on its first use.
    pub(crate) fn object(&mut self, name: &str, describe: impl FnOnce(&mut Self, &mut Object)) -> Value {
        if !self.0.contains_key(name) {
            // Held open while its fields are described, for objects that hold themselves.
            self.0.insert(name.to_owned(), Value::Null);
            let mut object = Object {
                properties: Map::new(),
                required: Vec::new(),
            };
            describe(self, &mut object);
            let mut schema = json!({ "type": "object", "properties": object.properties });
            if !object.required.is_empty() {
                schema["required"] = json!(object.required);
            }
            self.0.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// The members of `components.schemas`.
    pub(crate) fn into_components(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// An object schema under construction.
pub(crate) struct Object {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Object {
    pub(crate) fn field(&mut self, wire: &'static str, mut schema: Value, required: bool, description: &str) {
        if !description.is_empty()
            && let Value::Object(members) = &mut schema
            && !members.contains_key("$ref")
        {
            members.insert("description".to_owned(), description.trim().into());
        }
        self.properties.insert(wire.to_owned(), schema);
        if required {
            self.required.push(wire);
        }
    }
}

/// Something that can be in an answer.
pub(crate) trait View {
    /// Whether the member is left out when there is nothing.
    const MAY_BE_ABSENT: bool = false;

    /// Whether this one is left out.
    fn is_absent(&self) -> bool {
        false
    }

    /// The schema.
    fn schema(schemas: &mut Schemas) -> Value;
}

macro_rules! plain_views {
    ($($type:ty => $schema:tt;)*) => { $(
        impl View for $type {
            fn schema(_: &mut Schemas) -> Value { json!($schema) }
        }
    )* };
}

plain_views! {
    String => { "type": "string" };
    &'static str => { "type": "string" };
    bool => { "type": "boolean" };
    i64 => { "type": "number" };
    u32 => { "type": "number" };
    usize => { "type": "number" };
    Id => { "type": "string", "pattern": "^[0-9a-f]{24}$" };
    Time => { "type": "string", "format": "date-time" };
    Value => {};
    Map<String, Value> => { "type": "object", "additionalProperties": true };
}

macro_rules! wire_views {
    ($($type:ty),*) => { $(
        impl View for $type {
            fn schema(_: &mut Schemas) -> Value { json!({ "type": "string", "enum": <$type>::WIRE }) }
        }
    )* };
}

wire_views!(
    Channel,
    StepType,
    channel::JobStatus,
    channel::MessageStatus,
    channel::TraceStatus,
    channel::TraceSource,
    channel::Severity,
    channel::HealthStatus,
    channel::WorkflowStatus,
    channel::Origin,
    channel::Translated,
    channel::JobReason,
    channel::DeliveryState,
    channel::Outcome
);

impl<T: View> View for Vec<T> {
    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

impl<T: View> View for Option<T> {
    const MAY_BE_ABSENT: bool = true;

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn schema(schemas: &mut Schemas) -> Value {
        T::schema(schemas)
    }
}

/// A member that is written as null when there is nothing.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<T: View> View for Nullable<T> {
    fn schema(schemas: &mut Schemas) -> Value {
        let mut schema = T::schema(schemas);
        if let Value::Object(members) = &mut schema {
            if members.contains_key("$ref") {
                return json!({ "allOf": [schema], "nullable": true });
            }
            members.insert("nullable".to_owned(), true.into());
        }
        schema
    }
}
