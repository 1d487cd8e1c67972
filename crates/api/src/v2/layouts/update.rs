//! `PUT /v2/layouts/{layoutId}`: absent control values stay, null ones go.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::layouts::{CHANGED, Layout};
use serde_json::Map;

use super::body::{self, LayoutControlValues};
use super::{TRIES, named, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Given, rules};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    put "/v2/layouts/{layoutId}", "LayoutsController_update", "Update a layout", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<UpdateLayout>()
    .answers::<view::LayoutResponse>()
);

dto! {
    /// What a layout shall be.
    UpdateLayout {
        required name: String = "name" [rules::length(1, 64)];
        optional translated: bool = "isTranslationEnabled";
        /// Left as they are when absent, emptied when null.
        given controls: LayoutControlValues = "controlValues";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateLayout = call.body()?;
    let controls = match &body.controls {
        Given::Absent => None,
        Given::Null => Some(Map::new()),
        Given::Value(values) => Some(body::checked(values)?),
    };
    for _ in 0..TRIES {
        let read = named(&call).await?;
        let changed = Layout {
            name: body.name.clone(),
            translated: body.translated.unwrap_or(read.translated),
            controls: controls.clone().unwrap_or_else(|| read.controls.clone()),
            ..read.clone()
        };
        let mut batch = Batch::new();
        let changed = call.store().update_layout(&mut batch, &call.ctx, &read, changed);
        let reply = Reply::data(200, &view::one(&changed))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
