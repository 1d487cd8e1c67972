//! What values of requests can be.

use campanile_model::channel::{HealthStatus, Origin, Severity, Translated, WorkflowStatus};
use campanile_model::{Channel, StepType};
use serde_json::{Map, Value, json};

use super::problems::{Path, Problems};
use super::schema::Schemas;

/// Something that can be read from a request and described in the OpenAPI document.
pub(crate) trait Shape: Sized {
    /// Reads the value; on `None` at least one problem was added.
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self>;
    /// The schema.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// Absent, null and a value told apart: what a PATCH needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// The member is not there: keep.
    Absent,
    /// The member is null: clear.
    Null,
    /// The member has a value: set.
    Value(T),
}

impl<T> Given<T> {
    pub(crate) fn as_value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// How `dto!` reads fields.
pub(crate) mod read {
    use super::{Given, Path, Problems, Shape, Value};

    pub(crate) fn required<T: Shape>(value: Option<&Value>, path: &Path<'_>, problems: &mut Problems) -> Option<T> {
        T::read(value.unwrap_or(&Value::Null), path, problems)
    }

    pub(crate) fn optional<T: Shape>(value: Option<&Value>, path: &Path<'_>, problems: &mut Problems) -> Option<T> {
        match value {
            None | Some(Value::Null) => None,
            Some(value) => T::read(value, path, problems),
        }
    }

    pub(crate) fn given<T: Shape>(value: Option<&Value>, path: &Path<'_>, problems: &mut Problems) -> Given<T> {
        match value {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => T::read(value, path, problems).map_or(Given::Absent, Given::Value),
        }
    }
}

impl Shape for String {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match value {
            // Neither engine of ours and no client can do anything with NUL, and PostgreSQL refuses it.
            Value::String(text) if text.contains('\0') => {
                problems.add(path, "must not contain NUL characters");
                None
            }
            Value::String(text) => Some(text.clone()),
            _ => {
                problems.add(path, "must be a string");
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }
}

impl Shape for bool {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if value.as_bool().is_none() {
            problems.add(path, "must be a boolean value");
        }
        value.as_bool()
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for Map<String, Value> {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if has_nul(value) {
            problems.add(path, "must not contain NUL characters");
            return None;
        }
        let Value::Object(object) = value else {
            problems.add(path, "must be an object");
            return None;
        };
        Some(object.clone())
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "object", "additionalProperties": true })
    }
}

impl Shape for Value {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if has_nul(value) {
            problems.add(path, "must not contain NUL characters");
            return None;
        }
        if value.is_null() {
            problems.add(path, "should not be null or undefined");
            return None;
        }
        Some(value.clone())
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({})
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let Value::Array(items) = value else {
            problems.add(path, "must be an array");
            return None;
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = if matches!(item, Value::Object(_)) {
                path.item(index)
            } else {
                path.each()
            };
            read.push(T::read(item, &place, problems));
        }
        read.into_iter().collect()
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": T::schema(schemas) })
    }
}

macro_rules! wire_shape {
    ($($name:ty),*) => { $(
        impl Shape for $name {
            fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
                let read = value.as_str().and_then(<$name>::parse);
                if read.is_none() {
                    problems.add(path, &format!("must be one of the following values: {}", <$name>::WIRE.join(", ")));
                }
                read
            }

            fn schema(_: &mut Schemas) -> Value {
                json!({ "type": "string", "enum": <$name>::WIRE })
            }
        }
    )* };
}

wire_shape!(
    Channel,
    StepType,
    Severity,
    HealthStatus,
    WorkflowStatus,
    Origin,
    Translated
);

/// Whether any text in the value holds a NUL, which PostgreSQL cannot store.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
