//! `PUT /v2/workflows/{workflowId}`: a full replacement. The identifier and the origin stay.

use campanile_model::channel::{Origin, Severity};
use campanile_model::{Permission, Result};
use campanile_store::workflows::{Preferences, Workflow};
use campanile_store::{Batch, Store};

use super::body::{self, JsonSchema, PreferenceSet, PreferencesRequest, StepUpsert, Tags};
use super::create::schema_or_open;
use super::{TRIES, identifiers, issues, layouts, lost_race, named, steps, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::Given;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    put "/v2/workflows/{workflowId}", "WorkflowController_update", "Update a workflow", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes::<UpdateWorkflow>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// The workflow as it shall be. What is absent is as in a new workflow.
    UpdateWorkflow {
        required name: String = "name" [body::name_rule];
        /// Steps that are not in the list are removed.
        required steps: Vec<StepUpsert> = "steps";
        required preferences: PreferencesRequest = "preferences";
        /// Where the workflow is written; it does not change.
        required origin: Origin = "origin";
        optional description: String = "description" [body::description_rule];
        optional tags: Tags = "tags";
        optional active: bool = "active";
        optional validate_payload: bool = "validatePayload";
        given payload_schema: JsonSchema = "payloadSchema";
        optional translated: bool = "isTranslationEnabled";
        optional severity: Severity = "severity";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateWorkflow = call.body()?;
    body::check_count(&body.steps)?;
    let store = call.store();
    for _ in 0..TRIES {
        let known = named(&call).await?;
        let mut changed = replaced(store, &known, body.clone())?;
        layouts::check(&call, &changed).await?;
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

fn replaced(store: &Store, known: &Workflow, body: UpdateWorkflow) -> Result<Workflow> {
    tracing::debug!(origin = %body.origin, stays = %known.origin, "replacing a workflow");
    let source = steps::Source {
        id: &|| store.new_id(),
        suffix: &identifiers::suffix,
    };
    Ok(Workflow {
        name: body.name,
        description: body.description,
        tags: body.tags.map(|tags| tags.0).unwrap_or_default(),
        active: body.active.unwrap_or(true),
        validate_payload: body.validate_payload.unwrap_or(true),
        payload_schema: schema_or_open(body.payload_schema)?,
        translated: body.translated.unwrap_or(false),
        severity: body.severity.unwrap_or(Severity::None),
        preferences: Preferences {
            user: body.preferences.user.map(|set| set.0),
            // Answers call it `default`, so that a workflow that was read and is sent back does not name it.
            default: match body.preferences.workflow {
                Given::Absent => known.preferences.default.clone(),
                Given::Null => PreferenceSet::everything().0,
                Given::Value(set) => set.0,
            },
        },
        steps: steps::merge(&body.steps, &known.steps, &source)?,
        ..known.clone()
    })
}
