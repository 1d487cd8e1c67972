//! Environment variables (api.md 5.4): one key for the organization, a value for each environment.
//!
//! A key belongs to one environment: it reads and writes the values of that one.

mod create;
mod delete;
mod list;
mod retrieve;
mod update;
mod usage;
mod view;

use campanile_model::{Error, Id, Result};
use campanile_store::environment_variables::EnvironmentVariable;

use crate::call::Call;
use crate::dto;
use crate::route::Route;
use crate::shape::rules;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &usage::ROUTE,
];

/// What stands where the value of a secret variable would.
const MASK: &str = "••••••••";

dto! {
    /// The value of a variable in one environment.
    VariableValue {
        required environment_id: String = "_environmentId";
        required value: String = "value" [rules::length(0, 256)];
    }
}

fn key_rule(key: &str) -> Option<String> {
    let mut bytes = key.bytes();
    let fits = key.len() <= 256
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (!fits)
        .then(|| "must start with a letter and contain only letters, digits, and underscores, at most 256".to_owned())
}

fn kind_rule(kind: &str) -> Option<String> {
    (kind != "string").then(|| "must be one of the following values: string".to_owned())
}

/// The variable that the path names, or a 404.
async fn named(call: &Call) -> Result<EnvironmentVariable> {
    let key = call.parameter("variableKey");
    let found = call.store().environment_variable(&call.ctx, key).await?;
    found.ok_or_else(|| missing(key))
}

fn missing(key: &str) -> Error {
    Error::not_found(format!("Environment variable with key \"{key}\" not found"))
}

fn taken(key: &str) -> Error {
    Error::conflict(format!("Environment variable with key \"{key}\" already exists"))
}

/// The value for the caller's own environment, the only one that its key may write; the last one counts.
async fn own_value(call: &Call, values: &[VariableValue]) -> Result<Option<String>> {
    let own = call.ctx.environment.to_string();
    if let Some(other) = values.iter().find(|value| value.environment_id != own) {
        let id = other.environment_id.as_str();
        let known = match id.parse::<Id>() {
            Ok(id) => call.store().environment(&call.ctx, id).await?.is_some(),
            Err(_) => false,
        };
        return Err(if known {
            Error::forbidden(
                "This authentication scheme is scoped to a single environment and cannot write the value of a different \
                 environment. Use credentials from the target environment.",
            )
        } else {
            Error::not_found(format!("Environment with id {id} not found"))
        });
    }
    if values.iter().any(|value| value.value == MASK) {
        return Err(Error::bad_request(
            "Submitted value matches the secret mask placeholder; provide the real value or omit the entry to keep the \
             existing one.",
        ));
    }
    Ok(values.last().map(|value| value.value.clone()))
}
