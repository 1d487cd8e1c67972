//! `POST /v2/environments/{targetEnvironmentId}/publish`: workflows as they are in the source, in one commit. What the
//! source does not have any more is deleted in the target, unless only some resources are published.

use campanile_model::{Error, Permission, Result};
use campanile_store::workflows::Workflow;
use campanile_store::{Batch, Store};

use super::difference::of_workflows;
use super::{ResourceKind, WORKFLOW, Way, way, workflows};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v1::channels::{TRIES, too_contended};
use crate::v2::workflows::sync::{copied, lost_race};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v2/environments/{targetEnvironmentId}/publish", "EnvironmentsController_publishEnvironment",
    "Publish resources to an environment", run,
    .status(200)
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<PublishEnvironment>()
    .answers::<PublishResponse>()
);

dto! {
    /// What to publish.
    PublishEnvironment {
        /// Development when absent.
        optional source_environment_id: String = "sourceEnvironmentId";
        /// Only tells what would happen.
        optional dry_run: bool = "dryRun";
        /// These only, and nothing is deleted but what is named; everything when absent.
        optional resources: Vec<ResourceToPublish> = "resources" [rules::most(1000)];
    }
}

dto! {
    /// A resource to publish.
    ResourceToPublish {
        required kind: ResourceKind = "resourceType";
        /// The identifier, such as a `workflowId`.
        required id: String = "resourceId";
    }
}

view! {
    /// What was published.
    PublishResponse {
        results: Vec<PublishResult> = "results";
        summary: PublishSummary = "summary";
    }
}

view! {
    /// What became of the resources of one type.
    PublishResult {
        resource_type: String = "resourceType";
        successful: Vec<PublishedResource> = "successful";
        /// Always empty: all of it is one commit.
        failed: Vec<PublishedResource> = "failed";
        skipped: Vec<SkippedResource> = "skipped";
        total_processed: usize = "totalProcessed";
    }
}

view! {
    /// A resource that is in the target now as it is in the source.
    PublishedResource {
        resource_type: String = "resourceType";
        resource_id: String = "resourceId";
        resource_name: String = "resourceName";
        /// `created`, `updated` or `deleted`.
        action: String = "action";
    }
}

view! {
    /// A resource that was left alone.
    SkippedResource {
        resource_type: String = "resourceType";
        resource_id: String = "resourceId";
        resource_name: String = "resourceName";
        reason: String = "reason";
    }
}

view! {
    /// All types together.
    PublishSummary {
        resources: usize = "resources";
        successful: usize = "successful";
        failed: usize = "failed";
        skipped: usize = "skipped";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: PublishEnvironment = call.body()?;
    let way = way(&call, body.source_environment_id.as_deref()).await?;
    let chosen: Option<Vec<&str>> = body.resources.as_ref().map(|resources| {
        resources
            .iter()
            .filter(|one| one.kind.is_workflow())
            .map(|one| one.id.as_str())
            .collect()
    });
    for _ in 0..TRIES {
        let (source, target) = workflows(&call, &way).await?;
        if let Some(unknown) = chosen
            .iter()
            .flatten()
            .find(|id| !is_known(&source, id) && !is_known(&target, id))
        {
            return Err(Error::bad_request(format!(
                "resources: there is no workflow {unknown} in either environment"
            )));
        }
        let mut batch = Batch::new();
        let done = publish(call.store(), &mut batch, &way, &source, &target, chosen.as_deref());
        let reply = Reply::data(200, &response(done))?;
        if body.dry_run.unwrap_or(false) {
            batch = Batch::new();
        }
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

fn is_known(workflows: &[Workflow], id: &str) -> bool {
    workflows.iter().any(|workflow| workflow.workflow_id == id)
}

fn publish(
    store: &Store,
    batch: &mut Batch,
    way: &Way,
    source: &[Workflow],
    target: &[Workflow],
    chosen: Option<&[&str]>,
) -> PublishResult {
    let named = |all: &'_ [Workflow], id: &str| all.iter().find(|one| one.workflow_id == id).cloned();
    let is_chosen = |id: &str| chosen.is_none_or(|chosen| chosen.contains(&id));
    let differences = of_workflows(source, target);
    let mut result = PublishResult {
        resource_type: WORKFLOW.to_owned(),
        successful: Vec::new(),
        failed: Vec::new(),
        skipped: Vec::new(),
        total_processed: 0,
    };
    for difference in differences
        .iter()
        .filter(|difference| is_chosen(&difference.identifier))
    {
        let (new, old) = (
            named(source, &difference.identifier),
            named(target, &difference.identifier),
        );
        let (name, action) = match (new, old) {
            (Some(new), Some(old)) => {
                let workflow = copied(store, &new, Some(&old));
                store.publish_workflow(batch, &way.target, Some(&old), workflow);
                (new.name, "updated")
            }
            (Some(new), None) => {
                store.publish_workflow(batch, &way.target, None, copied(store, &new, None));
                (new.name, "created")
            }
            (None, Some(old)) => {
                store.delete_workflow(batch, &way.target, &old);
                (old.name, "deleted")
            }
            (None, None) => continue,
        };
        result.successful.push(PublishedResource {
            resource_type: WORKFLOW.to_owned(),
            resource_id: difference.identifier.clone(),
            resource_name: name,
            action: action.to_owned(),
        });
    }
    let same = source
        .iter()
        .filter(|workflow| is_chosen(&workflow.workflow_id))
        .filter(|workflow| !differences.iter().any(|one| one.identifier == workflow.workflow_id));
    result.skipped = same
        .map(|workflow| SkippedResource {
            resource_type: WORKFLOW.to_owned(),
            resource_id: workflow.workflow_id.clone(),
            resource_name: workflow.name.clone(),
            reason: "No changes detected".to_owned(),
        })
        .collect();
    result.total_processed = result.successful.len() + result.skipped.len();
    result
}

fn response(result: PublishResult) -> PublishResponse {
    let summary = PublishSummary {
        resources: result.total_processed,
        successful: result.successful.len(),
        failed: 0,
        skipped: result.skipped.len(),
    };
    PublishResponse {
        results: vec![result],
        summary,
    }
}
