//! `PUT /v2/workflows/{workflowId}/sync`: the workflow into another environment of the organization. There it is found
//! by its identifier, and its steps by theirs; ids are each environment's own. The layouts of its mails go first, and
//! translations go along.

use campanile_model::channel::{Origin, Translated};
use campanile_model::{Ctx, Error, Id, Permission, Result};
use campanile_store::workflows::{Step, Workflow};
use campanile_store::{Batch, Store};

use super::{TRIES, issues, layouts, named, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v2::environments::difference::{Difference, between};
use crate::v2::environments::side::{Side, lost_race};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    put "/v2/workflows/{workflowId}/sync", "WorkflowController_sync", "Copy a workflow into another environment", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<SyncWorkflow>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// Where to.
    SyncWorkflow {
        required target_environment_id: String = "targetEnvironmentId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: SyncWorkflow = call.body()?;
    let target = target(&call, &body.target_environment_id).await?;
    let source = named(&call).await?;
    if source.origin != Origin::NovuCloud {
        return Err(Error::bad_request(format!(
            "Cannot sync workflow: origin '{}' is not allowed (must be one of: {})",
            source.origin,
            Origin::NovuCloud
        )));
    }
    let store = call.store();
    for _ in 0..TRIES {
        let (from, to) =
            futures_util::future::try_join(Side::read(store, call.ctx.clone()), Side::read(store, target.clone()))
                .await?;
        let Some(source) = from.workflow(&source.workflow_id) else {
            return Err(super::not_found(call.parameter("workflowId")));
        };
        layouts::check_among(source, &from.layouts)?;
        let mut batch = Batch::new();
        let differences = between(&from, &to);
        for layout in from.layouts_of(source) {
            let differs = |one: &Difference| one.kind == Translated::Layout && one.identifier == layout.layout_id;
            if differences.iter().any(differs) {
                to.put_layout(store, &mut batch, &from, layout);
            }
        }
        let workflow = to.put_workflow(store, &mut batch, &from, source);
        let reply = Reply::data(200, &view::one(store, &target, &workflow).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

/// The caller's context in the target environment. A key belongs to one environment, but may write workflows into the
/// others of its organization by this route: it is how they are promoted.
async fn target(call: &Call, id: &str) -> Result<Ctx> {
    if id == call.ctx.environment.to_string() {
        return Err(Error::bad_request("Cannot sync workflow to the same environment"));
    }
    let environment = match id.parse::<Id>() {
        Ok(id) => call.store().environment(&call.ctx, id).await?,
        Err(_) => None,
    };
    let environment = environment.ok_or_else(|| Error::not_found(format!("Environment {id} not found")))?;
    Ok(Ctx {
        environment: environment.id,
        ..call.ctx.clone()
    })
}

/// The source as it shall be in the target environment.
pub(crate) fn copied(store: &Store, source: &Workflow, known: Option<&Workflow>) -> Workflow {
    let now = store.now();
    let known_steps = known.map(|known| known.steps.as_slice()).unwrap_or_default();
    let steps = source.steps.iter().map(|step| {
        let same = known_steps.iter().find(|known| known.step_id == step.step_id);
        Step {
            id: same.map_or_else(|| store.new_id(), |same| same.id),
            ..step.clone()
        }
    });
    let mut workflow = Workflow {
        id: known.map_or_else(|| store.new_id(), |known| known.id),
        steps: steps.collect(),
        last_triggered_at: known.and_then(|known| known.last_triggered_at),
        published_at: None,
        created_at: known.map_or(now, |known| known.created_at),
        updated_at: now,
        ..source.clone()
    };
    issues::judge(&mut workflow);
    workflow
}
