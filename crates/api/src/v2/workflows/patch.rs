//! `PATCH /v2/workflows/{workflowId}`: absent and null both keep.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use serde_json::Value;

use super::body::{self, JsonSchema, Tags};
use super::{TRIES, issues, lost_race, named, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/workflows/{workflowId}", "WorkflowController_patchWorkflow", "Change parts of a workflow", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<PatchWorkflow>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// What to change; an absent member and null are kept.
    PatchWorkflow {
        optional active: bool = "active";
        optional name: String = "name" [body::name_rule];
        optional description: String = "description" [body::description_rule];
        optional tags: Tags = "tags";
        optional payload_schema: JsonSchema = "payloadSchema";
        optional validate_payload: bool = "validatePayload";
        optional translated: bool = "isTranslationEnabled";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: PatchWorkflow = call.body()?;
    let schema: Option<Value> = body.payload_schema.map(JsonSchema::checked).transpose()?;
    let store = call.store();
    for _ in 0..TRIES {
        let known = named(&call).await?;
        let mut changed = known.clone();
        changed.active = body.active.unwrap_or(known.active);
        changed.validate_payload = body.validate_payload.unwrap_or(known.validate_payload);
        changed.translated = body.translated.unwrap_or(known.translated);
        if let Some(name) = &body.name {
            changed.name.clone_from(name);
        }
        if let Some(description) = &body.description {
            changed.description = Some(description.clone());
        }
        if let Some(Tags(tags)) = &body.tags {
            changed.tags.clone_from(tags);
        }
        if let Some(schema) = &schema {
            changed.payload_schema = Some(schema.clone());
        }
        issues::judge(&mut changed);
        let mut batch = Batch::new();
        let workflow = store.update_workflow(&mut batch, &call.ctx, &known, changed);
        let reply = Reply::data(200, &view::one(store, &call.ctx, &workflow).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
