//! The shapes of requests and answers, each declared once.
//!
//! `dto!` declares a request: from one list of fields come the struct, its reader with the reference's 422 texts (all
//! problems at once, each beginning with the wire path), and its schema in the OpenAPI document. `view!` declares an
//! answer: the struct, its JSON and its schema.

mod problems;
mod query;
pub(crate) mod rules;
mod schema;
mod types;

pub(crate) use problems::{Path, Problems};
pub(crate) use query::{Flag, Many, Number, Switch, parse_query};
pub(crate) use schema::{Nullable, Schemas, View};
pub(crate) use types::{Given, Shape, read};

/// Declares the body or the query of a request.
///
/// `required` fields must be there; `optional` ones are `Option`, null counting as absent; `given` ones tell absent,
/// null and value apart. Rules run on values that have the right type.
#[macro_export]
macro_rules! dto {
    ($(#[$doc:meta])* $name:ident {
        $($(#[doc = $field_doc:literal])* $kind:ident $field:ident: $type:ty = $wire:literal $([$($rule:expr),* $(,)?])?;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name { $($(#[doc = $field_doc])* pub(crate) $field: $crate::dto!(@type $kind $type),)* }

        impl $crate::shape::Shape for $name {
            fn read(value: &serde_json::Value, path: &$crate::shape::Path<'_>, problems: &mut $crate::shape::Problems) -> Option<Self> {
                let serde_json::Value::Object(object) = value else {
                    problems.add(path, "must be an object");
                    return None;
                };
                $(let $field = {
                    let path = path.field($wire);
                    let value = $crate::dto!(@read $kind $type, object.get($wire), &path, problems);
                    $($(
                        if let Some(value) = $crate::dto!(@inner $kind value)
                            && let Some(text) = $rule(value)
                        {
                            problems.add(&path, &text);
                        }
                    )*)?
                    value
                };)*
                Some(Self { $($field: $crate::dto!(@take $kind $field),)* })
            }

            fn schema(schemas: &mut $crate::shape::Schemas) -> serde_json::Value {
                schemas.object(stringify!($name), |schemas, object| {
                    $(object.field($wire, <$type as $crate::shape::Shape>::schema(schemas), $crate::dto!(@required $kind), concat!($($field_doc),*));)*
                })
            }
        }
    };
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@type given $type:ty) => { $crate::shape::Given<$type> };
    (@read required $type:ty, $value:expr, $path:expr, $problems:expr) => {
        $crate::shape::read::required::<$type>($value, $path, $problems)
    };
    (@read optional $type:ty, $value:expr, $path:expr, $problems:expr) => {
        $crate::shape::read::optional::<$type>($value, $path, $problems)
    };
    (@read given $type:ty, $value:expr, $path:expr, $problems:expr) => {
        $crate::shape::read::given::<$type>($value, $path, $problems)
    };
    (@inner required $value:ident) => { $value.as_ref() };
    (@inner optional $value:ident) => { $value.as_ref() };
    (@inner given $value:ident) => { $value.as_value() };
    (@take required $field:ident) => { $field? };
    (@take optional $field:ident) => { $field };
    (@take given $field:ident) => { $field };
    (@required required) => { true };
    (@required optional) => { false };
    (@required given) => { false };
}

/// Declares an answer. `Option` fields are left out when there is nothing; `Nullable` ones are written as null.
#[macro_export]
macro_rules! view {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $field_doc:literal])* $field:ident: $type:ty = $wire:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize)]
        pub(crate) struct $name {
            $(
                $(#[doc = $field_doc])*
                #[serde(rename = $wire, skip_serializing_if = "crate::shape::View::is_absent")]
                pub(crate) $field: $type,
            )*
        }

        impl $crate::shape::View for $name {
            fn schema(schemas: &mut $crate::shape::Schemas) -> serde_json::Value {
                schemas.object(stringify!($name), |schemas, object| {
                    $(object.field(
                        $wire,
                        <$type as $crate::shape::View>::schema(schemas),
                        !<$type as $crate::shape::View>::MAY_BE_ABSENT,
                        concat!($($field_doc),*),
                    );)*
                })
            }
        }
    };
}

/// Declares an enum of wire texts for requests.
#[macro_export]
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $(#[doc = $wire] $variant,)* }

        impl $crate::shape::Shape for $name {
            fn read(value: &serde_json::Value, path: &$crate::shape::Path<'_>, problems: &mut $crate::shape::Problems) -> Option<Self> {
                match value.as_str() {
                    $(Some($wire) => Some(Self::$variant),)*
                    _ => {
                        problems.add(path, &format!("must be one of the following values: {}", [$($wire),*].join(", ")));
                        None
                    }
                }
            }

            fn schema(_: &mut $crate::shape::Schemas) -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($wire),*] })
            }
        }
    };
}
