//! `POST /v2/workflows/{workflowId}/duplicate`: a copy that is not active yet. The dashboard's own route.

use campanile_model::channel::{Origin, Translated};
use campanile_model::{Error, Permission, Result};
use campanile_store::workflows::{EXISTS, Step, Workflow};
use campanile_store::{Batch, Store};

use super::body::{self, Tags};
use super::{TRIES, identifiers, issues, named, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/workflows/{workflowId}/duplicate", "", "Duplicate a workflow", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<DuplicateWorkflow>()
    .answers::<view::WorkflowResponse>()
);

dto! {
    /// What shall be different in the copy.
    DuplicateWorkflow {
        /// `<name> (Copy)` by default.
        optional name: String = "name" [body::name_rule];
        /// Made from the name by default.
        optional workflow_id: String = "workflowId" [identifiers::rule];
        optional description: String = "description" [body::description_rule];
        optional tags: Tags = "tags";
        optional translated: bool = "isTranslationEnabled";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: DuplicateWorkflow = call.body()?;
    let store = call.store();
    let source = named(&call).await?;
    if source.origin != Origin::NovuCloud {
        return Err(Error::bad_request(format!(
            "Cannot duplicate workflow: origin '{}' is not allowed (must be one of: {})",
            source.origin,
            Origin::NovuCloud
        )));
    }
    let texts = store
        .translations_of(&call.ctx, Translated::Workflow, source.id)
        .await?;
    let mut workflow = copied(store, source, &body)?;
    issues::judge(&mut workflow);
    let made = workflow.workflow_id.clone();
    for attempt in 0..TRIES {
        if attempt > 0 {
            workflow.workflow_id = format!("{made}-{}", identifiers::suffix()?);
        }
        let mut batch = Batch::new();
        store.insert_workflow(&mut batch, &call.ctx, &workflow);
        store.copy_translations(&mut batch, &call.ctx, &texts, workflow.id);
        let reply = Reply::data(201, &view::one(store, &call.ctx, &workflow).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            // An identifier that the caller chose is kept or refused; ours may get a suffix.
            Err(error) if error.is_conflict(EXISTS) => {
                if let Some(chosen) = &body.workflow_id {
                    let text = format!("Workflow with workflowId \"{chosen}\" already exists");
                    return Err(Error::bad_request(text).with("workflowId", chosen.as_str()));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

fn copied(store: &Store, source: Workflow, body: &DuplicateWorkflow) -> Result<Workflow> {
    let name = body.name.clone().unwrap_or_else(|| copy_name(&source.name));
    let workflow_id = match &body.workflow_id {
        Some(workflow_id) => workflow_id.clone(),
        None => identifiers::from_name(&name)?,
    };
    let now = store.now();
    let steps = source.steps.into_iter().map(|step| Step {
        id: store.new_id(),
        ..step
    });
    Ok(Workflow {
        id: store.new_id(),
        workflow_id,
        name,
        steps: steps.collect(),
        description: body.description.clone().or(source.description),
        tags: body.tags.clone().map_or(source.tags, |tags| tags.0),
        translated: body.translated.unwrap_or(source.translated),
        active: false,
        last_triggered_at: None,
        published_at: None,
        created_at: now,
        updated_at: now,
        ..source
    })
}

/// The name of a copy, within the length that names may have.
fn copy_name(name: &str) -> String {
    const SUFFIX: &str = " (Copy)";
    let kept: String = name.chars().take(64 - SUFFIX.len()).collect();
    format!("{}{SUFFIX}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_name_is_a_name() {
        assert_eq!(copy_name("Welcome"), "Welcome (Copy)");
        assert_eq!(copy_name(&"x".repeat(64)).len(), 64);
    }
}
