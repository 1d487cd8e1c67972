//! A workflow and its steps in answers (api.md 6.2).

use campanile_model::channel::{Origin, Severity, WorkflowStatus};
use campanile_model::slug::slug;
use campanile_model::{Ctx, Id, Result, StepType, Time};
use campanile_store::Store;
use campanile_store::workflows::{ActiveChannel, Step, Workflow};
use serde_json::{Map, Value};

use super::{controls, issues, variables};
use crate::shape::Nullable;
use crate::view;

view! {
    /// A workflow.
    WorkflowResponse {
        id: Id = "_id";
        workflow_id: String = "workflowId";
        slug: String = "slug";
        name: String = "name";
        description: Option<String> = "description";
        tags: Vec<String> = "tags";
        active: bool = "active";
        validate_payload: bool = "validatePayload";
        payload_schema: Nullable<Value> = "payloadSchema";
        is_translation_enabled: bool = "isTranslationEnabled";
        steps: Vec<StepResponse> = "steps";
        origin: Origin = "origin";
        preferences: PreferencesResponse = "preferences";
        status: WorkflowStatus = "status";
        last_triggered_at: Nullable<Time> = "lastTriggeredAt";
        /// When it was last published, from here or to here.
        last_published_at: Nullable<Time> = "lastPublishedAt";
        /// Always null: a key publishes, and a key is no user.
        last_published_by: Nullable<Value> = "lastPublishedBy";
        severity: Severity = "severity";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// Which channels subscribers get a workflow through.
    PreferencesResponse {
        /// What was chosen in the dashboard.
        user: Nullable<Value> = "user";
        /// What the workflow itself says.
        default: Value = "default";
    }
}

view! {
    /// A step of a workflow.
    StepResponse {
        id: Id = "_id";
        step_id: String = "stepId";
        slug: String = "slug";
        name: String = "name";
        kind: StepType = "type";
        origin: Origin = "origin";
        workflow_id: String = "workflowId";
        workflow_database_id: Id = "workflowDatabaseId";
        controls: ControlsResponse = "controls";
        /// The same as `controls.values`.
        control_values: Map<String, Value> = "controlValues";
        /// The JSON schema of what templates of this step may use.
        variables: Value = "variables";
        issues: Option<Value> = "issues";
    }
}

view! {
    /// What a step can be told, and what it is told.
    ControlsResponse {
        data_schema: Value = "dataSchema";
        ui_schema: Value = "uiSchema";
        values: Map<String, Value> = "values";
    }
}

view! {
    /// A workflow in a list.
    ListedWorkflow {
        id: Id = "_id";
        workflow_id: String = "workflowId";
        slug: String = "slug";
        name: String = "name";
        tags: Vec<String> = "tags";
        status: WorkflowStatus = "status";
        origin: Origin = "origin";
        last_triggered_at: Nullable<Time> = "lastTriggeredAt";
        /// When it was last published, from here or to here.
        last_published_at: Nullable<Time> = "lastPublishedAt";
        /// Always null: a key publishes, and a key is no user.
        last_published_by: Nullable<Value> = "lastPublishedBy";
        step_type_overviews: Vec<StepType> = "stepTypeOverviews";
        is_translation_enabled: bool = "isTranslationEnabled";
        steps: Vec<ListedStep> = "steps";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// A step in a list of workflows.
    ListedStep {
        slug: String = "slug";
        kind: StepType = "type";
        issues: Option<Value> = "issues";
    }
}

view! {
    /// A page of workflows.
    WorkflowPage {
        workflows: Vec<ListedWorkflow> = "workflows";
        total_count: i64 = "totalCount";
    }
}

/// The workflow with the issues that its environment's integrations make.
pub(super) async fn one(store: &Store, ctx: &Ctx, workflow: &Workflow) -> Result<WorkflowResponse> {
    let channels = store.active_channels(ctx).await?;
    let payload = variables::payload(workflow);
    let steps = (0..workflow.steps.len())
        .filter_map(|position| step_at(workflow, position, &payload, &channels))
        .collect();
    Ok(WorkflowResponse {
        id: workflow.id,
        workflow_id: workflow.workflow_id.clone(),
        slug: slug(&workflow.name, "wf", workflow.id),
        name: workflow.name.clone(),
        description: workflow.description.clone(),
        tags: workflow.tags.clone(),
        active: workflow.active,
        validate_payload: workflow.validate_payload,
        payload_schema: Nullable(workflow.payload_schema.clone()),
        is_translation_enabled: workflow.translated,
        steps,
        origin: workflow.origin,
        preferences: PreferencesResponse {
            user: Nullable(workflow.preferences.user.clone()),
            default: workflow.preferences.default.clone(),
        },
        status: workflow.status,
        last_triggered_at: Nullable(workflow.last_triggered_at),
        last_published_at: Nullable(workflow.published_at),
        last_published_by: Nullable(None),
        severity: workflow.severity,
        created_at: workflow.created_at,
        updated_at: workflow.updated_at,
    })
}

/// One step of a workflow.
pub(super) async fn step(
    store: &Store,
    ctx: &Ctx,
    workflow: &Workflow,
    position: usize,
) -> Result<Option<StepResponse>> {
    let channels = store.active_channels(ctx).await?;
    Ok(step_at(workflow, position, &variables::payload(workflow), &channels))
}

fn step_at(workflow: &Workflow, position: usize, payload: &Value, channels: &[ActiveChannel]) -> Option<StepResponse> {
    let step = workflow.steps.get(position)?;
    let values = controls::shown(step.kind, &step.control_values);
    Some(StepResponse {
        id: step.id,
        step_id: step.step_id.clone(),
        slug: step_slug(step),
        name: step.name.clone(),
        kind: step.kind,
        origin: workflow.origin,
        workflow_id: workflow.workflow_id.clone(),
        workflow_database_id: workflow.id,
        controls: ControlsResponse {
            data_schema: controls::data_schema(step.kind),
            ui_schema: controls::ui_schema(step.kind),
            values: values.clone(),
        },
        control_values: values,
        variables: variables::of_step(workflow, position, payload),
        issues: issues::shown(step, channels),
    })
}

/// A page of a list.
pub(super) async fn page(store: &Store, ctx: &Ctx, workflows: &[Workflow], total: i64) -> Result<WorkflowPage> {
    let channels = store.active_channels(ctx).await?;
    Ok(WorkflowPage {
        workflows: workflows.iter().map(|workflow| listed(workflow, &channels)).collect(),
        total_count: total,
    })
}

fn listed(workflow: &Workflow, channels: &[ActiveChannel]) -> ListedWorkflow {
    ListedWorkflow {
        id: workflow.id,
        workflow_id: workflow.workflow_id.clone(),
        slug: slug(&workflow.name, "wf", workflow.id),
        name: workflow.name.clone(),
        tags: workflow.tags.clone(),
        status: workflow.status,
        origin: workflow.origin,
        last_triggered_at: Nullable(workflow.last_triggered_at),
        last_published_at: Nullable(workflow.published_at),
        last_published_by: Nullable(None),
        step_type_overviews: workflow.steps.iter().map(|step| step.kind).collect(),
        is_translation_enabled: workflow.translated,
        steps: workflow
            .steps
            .iter()
            .map(|step| ListedStep {
                slug: step_slug(step),
                kind: step.kind,
                issues: issues::shown(step, channels),
            })
            .collect(),
        created_at: workflow.created_at,
        updated_at: workflow.updated_at,
    }
}

fn step_slug(step: &Step) -> String {
    slug(&step.name, "st", step.id)
}
