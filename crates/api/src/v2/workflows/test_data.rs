//! `GET /v2/workflows/{workflowId}/test-data`: the forms for trying a workflow out. The dashboard's own route.

use campanile_model::{Permission, Result, StepType};
use campanile_store::workflows::Workflow;
use serde_json::{Map, Value, json};

use super::{named, variables};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v2/workflows/{workflowId}/test-data", "", "Get the data for a test of a workflow", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<TestDataResponse>()
);

view! {
    /// The JSON schemas of `to` and `payload`.
    TestDataResponse {
        to: Value = "to";
        payload: Value = "payload";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let workflow = named(&call).await?;
    let payload = variables::payload(&workflow);
    Reply::data(
        200,
        &TestDataResponse {
            to: to(&workflow),
            payload,
        },
    )
}

/// Whom to send to: what the workflow's channels need.
fn to(workflow: &Workflow) -> Value {
    let has = |kind: StepType| workflow.steps.iter().any(|step| step.kind == kind);
    let mut properties = Map::new();
    properties.insert(
        "subscriberId".to_owned(),
        json!({ "type": "string", "default": "test-subscriber" }),
    );
    let mut required = vec!["subscriberId"];
    for (kind, name, schema) in [
        (StepType::Email, "email", json!({ "type": "string", "format": "email" })),
        (StepType::Sms, "phone", json!({ "type": "string" })),
    ] {
        if has(kind) {
            properties.insert(name.to_owned(), schema);
            required.push(name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
