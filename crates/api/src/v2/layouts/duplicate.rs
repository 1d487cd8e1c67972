//! `POST /v2/layouts/{layoutId}/duplicate`: a copy with the same body and translations.

use campanile_model::channel::Translated;
use campanile_model::{Permission, Result};
use campanile_store::layouts::Layout;

use super::{add, identifier_from, identifier_rule, named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/layouts/{layoutId}/duplicate", "LayoutsController_duplicate", "Duplicate a layout", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<DuplicateLayout>()
    .answers::<view::LayoutResponse>()
);

dto! {
    /// What shall be different in the copy.
    DuplicateLayout {
        required name: String = "name" [rules::length(1, 64)];
        /// Made from the name by default.
        optional layout_id: String = "layoutId" [identifier_rule];
        optional translated: bool = "isTranslationEnabled";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: DuplicateLayout = call.body()?;
    let source = named(&call).await?;
    let layout_id = match body.layout_id {
        Some(layout_id) => layout_id,
        None => identifier_from(&body.name)?,
    };
    let texts = call
        .store()
        .translations_of(&call.ctx, Translated::Layout, source.id)
        .await?;
    let now = call.store().now();
    let copy = Layout {
        id: call.store().new_id(),
        layout_id,
        name: body.name,
        is_default: false,
        translated: body.translated.unwrap_or(source.translated),
        created_at: now,
        updated_at: now,
        ..source
    };
    add(&call, copy, &texts).await
}
