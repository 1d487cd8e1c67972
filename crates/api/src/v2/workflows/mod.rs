//! Workflows (api.md 6).

mod body;
mod controls;
mod create;
mod delete;
mod duplicate;
mod identifiers;
mod issues;
pub(crate) mod layouts;
mod list;
mod patch;
mod preview;
mod retrieve;
mod step;
mod steps;
pub(crate) mod sync;
mod templates;
mod test_data;
#[cfg(test)]
mod testing;
mod update;
mod variables;
mod view;

use campanile_model::slug::Reference;
use campanile_model::{Error, Result};
use campanile_store::StoreError;
use campanile_store::workflows::{CHANGED, EXISTS, Workflow};

use crate::call::Call;
use crate::route::Route;

pub(crate) const ROUTES: &[&Route] = &[
    &create::ROUTE,
    &list::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
    &patch::ROUTE,
    &delete::ROUTE,
    &sync::ROUTE,
    &duplicate::ROUTE,
    &step::ROUTE,
    &preview::ROUTE,
    &test_data::ROUTE,
];

/// How often a lost race is run again before the caller is asked to.
const TRIES: usize = 8;

/// The workflow that the path names, or a 404.
async fn named(call: &Call) -> Result<Workflow> {
    let name = call.parameter("workflowId");
    let reference = Reference::parse(name, "wf");
    let workflow = call.store().workflow(&call.ctx, &reference).await?;
    workflow.ok_or_else(|| not_found(name))
}

/// Where the step that a path names is in its workflow.
fn position_of(workflow: &Workflow, name: &str) -> Option<usize> {
    let reference = Reference::parse(name, "st");
    workflow.steps.iter().position(|step| match &reference {
        Reference::Id(id) => step.id == *id,
        Reference::Identifier(identifier) => step.step_id == *identifier,
    })
}

fn not_found(name: &str) -> Error {
    Error::not_found("Workflow cannot be found").with("workflowId", name)
}

/// Whether a commit lost against somebody who wrote the same workflow: worth reading again.
pub(crate) fn lost_race(error: &StoreError) -> bool {
    error.is_conflict(EXISTS) || error.is_conflict(CHANGED)
}

/// The answer when every race was lost.
fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The workflow is being changed by others; please try again.",
        1,
    ))
}
