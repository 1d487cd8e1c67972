//! Environments and their API keys (api.md 5.1).

mod create;
mod delete;
mod keys;
mod list;
mod me;
mod regenerate;
mod update;
mod view;

use campanile_model::{Error, Result};
use campanile_store::environments::Environment;

use crate::call::Call;
use crate::route::Route;
use crate::shape::rules;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &me::ROUTE,
    &update::ROUTE,
    &delete::ROUTE,
    &keys::ROUTE,
    &regenerate::ROUTE,
];

const PROTECTED_NAME: &str = "Environment name cannot be Development or Production";

/// Whether it is the name of one of the environments that every organization has.
fn is_protected(name: &str) -> bool {
    ["development", "production"].contains(&name.trim().to_lowercase().as_str())
}

fn name_rule(name: &str) -> Option<String> {
    rules::length(1, 100)(name.trim())
}

fn color_rule(color: &str) -> Option<String> {
    let digits = color.strip_prefix('#').unwrap_or_default();
    let fits = matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    (!fits).then(|| "must be a hexadecimal color".to_owned())
}

/// The environment that the path names, if it is the caller's own. `what` ends the sentence of the refusal.
async fn own(call: &Call, what: &str) -> Result<Environment> {
    let id = call.parameter("environmentId");
    let missing = || Error::not_found(format!("Environment {id} not found"));
    let Ok(parsed) = id.parse() else {
        return Err(missing());
    };
    let environment = call.store().environment(&call.ctx, parsed).await?;
    let environment = environment.ok_or_else(missing)?;
    if environment.id != call.ctx.environment {
        return Err(Error::forbidden(format!(
            "This authentication scheme is scoped to a single environment and cannot {what} a different environment. Use \
             credentials from the target environment, or authenticate with a session token."
        )));
    }
    Ok(environment)
}
