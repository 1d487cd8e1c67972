//! `POST /v2/workflows/{workflowId}/step/{stepId}/preview`: a step rendered with example data (api.md 6.6). Like the
//! original it answers 201 whatever is asked, because the editor calls it while people type.

mod example;
mod lenient;

use campanile_engine::translations::{self, Frame, Texts};
use campanile_engine::{Preview, preview};
use campanile_model::channel::Translated;
use campanile_model::slug::Reference;
use campanile_model::{Permission, Result, StepType};
use campanile_providers::http_request;
use campanile_store::workflows::Workflow;
use serde_json::{Map, Value, json};

use super::{position_of, variables};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Nullable;
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v2/workflows/{workflowId}/step/{stepId}/preview", "WorkflowController_generatePreview", "Generate a step's preview", run,
    // A preview shows signatures of the environment's key, which who only reads has no use for.
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<GeneratePreview>()
    .answers::<PreviewResponse>()
);

dto! {
    /// What to render, and with what.
    GeneratePreview {
        /// Instead of what the step is told.
        optional control_values: Map<String, Value> = "controlValues";
        /// `{subscriber, actor, payload, steps, context, env}`: wins over the examples.
        optional preview_payload: Map<String, Value> = "previewPayload";
    }
}

view! {
    /// A rendered step, and the data that it was rendered with.
    PreviewResponse {
        /// `{type, preview}`, or `{type, preview, error}` when it could not be rendered.
        result: Value = "result";
        preview_payload_example: Value = "previewPayloadExample";
        /// The payload's schema.
        schema: Nullable<Value> = "schema";
        /// What an HTTP request step would be signed with.
        novu_signature: Option<String> = "novuSignature";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: GeneratePreview = call.body()?;
    let store = call.store();
    let reference = Reference::parse(call.parameter("workflowId"), "wf");
    let workflow = store.workflow(&call.ctx, &reference).await?;
    let found = workflow.and_then(|workflow| {
        let position = position_of(&workflow, call.parameter("stepId"))?;
        Some((workflow, position))
    });
    let Some((workflow, position)) = found else {
        return Reply::data(
            201,
            &PreviewResponse {
                result: json!({ "preview": {} }),
                preview_payload_example: json!({}),
                schema: Nullable(None),
                novu_signature: None,
            },
        );
    };
    let Some(step) = workflow.steps.get(position) else {
        return super::too_contended();
    };
    let controls = body.control_values.as_ref().unwrap_or(&step.control_values);
    let controls = lenient::readable(controls);
    let schema = variables::of_step(&workflow, position, &variables::payload(&workflow));
    let given = body.preview_payload.unwrap_or_default();
    let example = example::data(&schema, &workflow, position, &controls, given, store.now());
    let texts = texts(&call, &workflow).await?;
    let frames = if step.kind == StepType::Email {
        frames(&call).await?
    } else {
        Vec::new()
    };
    let rendered = preview(Preview {
        kind: step.kind,
        controls,
        texts: texts.as_ref(),
        frames: &frames,
        data: &example,
        now: store.now(),
    });
    let mut signature = None;
    let result = match rendered {
        Ok(rendered) => {
            if step.kind == StepType::HttpRequest {
                signature = signed(&call, &rendered).await?;
            }
            json!({ "type": step.kind, "preview": shown(step.kind, rendered) })
        }
        Err(problem) => json!({
            "type": step.kind,
            "preview": {},
            "error": {
                "title": "The step could not be rendered",
                "message": problem,
                "hint": "Look for a tag or an output that is not closed, and for a filter with wrong arguments.",
            },
        }),
    };
    let mut shown = example;
    if let Some(members) = shown.as_object_mut() {
        // The workflow speaks for itself, and is no part of what a caller may choose.
        members.shift_remove("workflow");
    }
    Reply::data(
        201,
        &PreviewResponse {
            result,
            preview_payload_example: shown,
            schema: Nullable(workflow.payload_schema.clone()),
            novu_signature: signature,
        },
    )
}

/// The workflow's texts, when translations are on.
async fn texts(call: &Call, workflow: &Workflow) -> Result<Option<Texts>> {
    if !workflow.translated {
        return Ok(None);
    }
    let store = call.store();
    let found = store
        .translations_of(&call.ctx, Translated::Workflow, workflow.id)
        .await?;
    Ok(Some(Texts::new(found)))
}

/// The layouts that a mail may go into.
async fn frames(call: &Call) -> Result<Vec<Frame>> {
    let store = call.store();
    let layouts = store.layouts_all(&call.ctx).await?;
    let texts = store.translations_all(&call.ctx, Translated::Layout).await?;
    Ok(translations::frames(layouts, texts))
}

/// The members that each type of step shows; those that clients insist on are there.
fn shown(kind: StepType, rendered: Value) -> Value {
    let Value::Object(mut members) = rendered else {
        return json!({});
    };
    members.shift_remove("skip");
    let (kept, needed): (&[&str], &[&str]) = match kind {
        StepType::Email | StepType::Push => (&["subject", "body"], &["subject", "body"]),
        StepType::Sms | StepType::Chat => (&["body"], &["body"]),
        StepType::InApp => (
            &[
                "subject",
                "body",
                "avatar",
                "primaryAction",
                "secondaryAction",
                "data",
                "redirect",
            ],
            &["body"],
        ),
        StepType::Digest => (&["type", "amount", "unit", "cron", "digestKey", "lookBackWindow"], &[]),
        _ => return Value::Object(members),
    };
    members.retain(|name, value| kept.contains(&name.as_str()) && !value.is_null());
    for name in needed {
        members.entry(*name).or_insert_with(|| json!(""));
    }
    Value::Object(members)
}

async fn signed(call: &Call, controls: &Value) -> Result<Option<String>> {
    let Ok(mut request) = http_request::prepare(controls) else {
        return Ok(None);
    };
    let store = call.store();
    let keys = store.api_keys(&call.ctx).await?;
    if let Some((_, secret)) = keys.first() {
        http_request::sign(&mut request, secret, store.clock().real().millis());
    }
    Ok(request.header("novu-signature").map(str::to_owned))
}
