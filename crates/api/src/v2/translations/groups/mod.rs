//! All translations of one resource.

pub(super) mod delete;
pub(super) mod retrieve;

use campanile_model::{Error, Result};
use campanile_store::translations::Translation;

use super::resource::{self, Resource};
use crate::call::Call;

/// The resource that the path names, with its translations, of which there is at least one.
async fn found(call: &Call) -> Result<(Resource, Vec<Translation>)> {
    let resource = resource::of_path(call, not_found).await?;
    let translations = call
        .store()
        .translations_of(&call.ctx, resource.kind, resource.id)
        .await?;
    if translations.is_empty() {
        return Err(not_found());
    }
    Ok((resource, translations))
}

fn not_found() -> Error {
    Error::not_found("Translation group not found")
}
