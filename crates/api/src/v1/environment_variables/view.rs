//! An environment variable in answers.

use campanile_model::{Ctx, Id, Result, Time};
use campanile_store::Store;
use campanile_store::environment_variables::EnvironmentVariable;

use super::MASK;
use crate::view;

view! {
    /// An environment variable with the value of the caller's environment.
    EnvironmentVariableResponse {
        id: Id = "_id";
        organization_id: Id = "_organizationId";
        key: String = "key";
        kind: String = "type";
        /// Whether values are masked in answers.
        is_secret: bool = "isSecret";
        values: Vec<VariableValueResponse> = "values";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// The value of a variable in one environment.
    VariableValueResponse {
        environment_id: Id = "_environmentId";
        /// Masked where the variable is a secret.
        value: String = "value";
    }
}

pub(super) fn one(store: &Store, ctx: &Ctx, variable: &EnvironmentVariable) -> Result<EnvironmentVariableResponse> {
    let value = if variable.is_secret {
        variable.has_value().then(|| MASK.to_owned())
    } else {
        store.environment_value(ctx, variable)?
    };
    let values = value.map(|value| VariableValueResponse {
        environment_id: ctx.environment,
        value,
    });
    Ok(EnvironmentVariableResponse {
        id: variable.id,
        organization_id: ctx.organization,
        key: variable.key.clone(),
        kind: "string".to_owned(),
        is_secret: variable.is_secret,
        values: values.into_iter().collect(),
        created_at: variable.created_at,
        updated_at: variable.updated_at,
    })
}
