//! `POST /v2/layouts`: a taken `layoutId` gets a suffix.

use campanile_model::{Permission, Result};
use campanile_store::layouts::Layout;

use super::{add, body, identifier_rule, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/layouts", "LayoutsController_create", "Create a layout", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<CreateLayout>()
    .answers::<view::LayoutResponse>()
);

choices! {
    /// Where a layout is made; it is noted nowhere.
    LayoutSource {
        Dashboard = "dashboard",
    }
}

dto! {
    /// A layout to create. Its body is an empty frame at first.
    CreateLayout {
        /// The identifier that steps and triggers use.
        required layout_id: String = "layoutId" [identifier_rule];
        required name: String = "name" [rules::length(1, 64)];
        optional translated: bool = "isTranslationEnabled";
        optional source: LayoutSource = "__source";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateLayout = call.body()?;
    tracing::debug!(source = ?body.source, "creating a layout");
    let now = call.store().now();
    let layout = Layout {
        id: call.store().new_id(),
        layout_id: body.layout_id,
        name: body.name,
        is_default: false,
        translated: body.translated.unwrap_or(false),
        controls: body::preset(),
        created_at: now,
        updated_at: now,
    };
    add(&call, layout, &[]).await
}
