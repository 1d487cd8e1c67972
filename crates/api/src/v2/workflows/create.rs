//! `POST /v2/workflows`: a taken `workflowId` gets a suffix.

use campanile_model::channel::{Origin, Severity, WorkflowStatus};
use campanile_model::{Error, Permission, Result};
use campanile_store::workflows::{EXISTS, Preferences, Workflow};
use campanile_store::{Batch, Store};
use serde_json::Value;

use super::body::{self, JsonSchema, PreferenceSet, PreferencesRequest, Source, StepUpsert, Tags};
use super::{identifiers, issues, layouts, steps, variables, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Given;
use crate::{dto, route};

/// The first try has no suffix.
const TRIES: usize = 3;

pub(crate) const ROUTE: Route = route!(
    post "/v2/workflows", "WorkflowController_create", "Create a workflow", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<CreateWorkflow>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// A workflow to create. Content that is wrong does not refuse it: it is stored and reported in `issues`.
    CreateWorkflow {
        required name: String = "name" [body::name_rule];
        /// The identifier that triggers use.
        required workflow_id: String = "workflowId" [identifiers::rule];
        required steps: Vec<StepUpsert> = "steps";
        optional description: String = "description" [body::description_rule];
        optional tags: Tags = "tags";
        /// Whether triggers are taken; true by default.
        optional active: bool = "active";
        /// Whether payloads must fit the schema; true by default.
        optional validate_payload: bool = "validatePayload";
        /// The JSON schema of payloads; open by default.
        given payload_schema: JsonSchema = "payloadSchema";
        optional translated: bool = "isTranslationEnabled";
        optional source: Source = "__source";
        optional preferences: PreferencesRequest = "preferences";
        optional severity: Severity = "severity";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateWorkflow = call.body()?;
    body::check_count(&body.steps)?;
    tracing::debug!(source = ?body.source, "creating a workflow");
    let store = call.store();
    let (wanted, name) = (body.workflow_id.clone(), body.name.clone());
    let mut workflow = built(store, body)?;
    layouts::check(&call, &workflow).await?;
    issues::judge(&mut workflow);
    for attempt in 0..TRIES {
        if attempt > 0 {
            workflow.workflow_id = format!("{wanted}-{}", identifiers::suffix()?);
        }
        let mut batch = Batch::new();
        store.insert_workflow(&mut batch, &call.ctx, &workflow);
        let reply = Reply::data(201, &view::one(store, &call.ctx, &workflow).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(EXISTS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::bad_request(format!(
        "Unable to generate a unique identifier. Please provide a different workflow name.{name}"
    )))
}

fn built(store: &Store, body: CreateWorkflow) -> Result<Workflow> {
    let source = steps::Source {
        id: &|| store.new_id(),
        suffix: &identifiers::suffix,
    };
    let now = store.now();
    let preferences = body.preferences;
    Ok(Workflow {
        id: store.new_id(),
        workflow_id: body.workflow_id,
        name: body.name,
        description: body.description,
        tags: body.tags.map(|tags| tags.0).unwrap_or_default(),
        active: body.active.unwrap_or(true),
        status: WorkflowStatus::Active,
        validate_payload: body.validate_payload.unwrap_or(true),
        payload_schema: schema_or_open(body.payload_schema)?,
        translated: body.translated.unwrap_or(false),
        severity: body.severity.unwrap_or(Severity::None),
        origin: Origin::NovuCloud,
        preferences: Preferences {
            user: preferences
                .as_ref()
                .and_then(|given| given.user.clone())
                .map(|set| set.0),
            default: preferences
                .and_then(|given| given.workflow.as_value().cloned())
                .unwrap_or_else(PreferenceSet::everything)
                .0,
        },
        steps: steps::merge(&body.steps, &[], &source)?,
        last_triggered_at: None,
        published_at: None,
        created_at: now,
        updated_at: now,
    })
}

/// The schema to store: absent is open, null is none.
pub(super) fn schema_or_open(given: Given<JsonSchema>) -> Result<Option<Value>> {
    Ok(match given {
        Given::Absent => Some(variables::open_schema()),
        Given::Null => None,
        Given::Value(schema) => Some(schema.checked()?),
    })
}
