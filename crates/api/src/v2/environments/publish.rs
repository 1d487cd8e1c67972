//! `POST /v2/environments/{targetEnvironmentId}/publish`: layouts and workflows with their translations as they are in the
//! source, in one commit. Layouts that a workflow needs go with it. What the source does not have any more is deleted in the target, unless only some resources are published.

use campanile_model::channel::Translated;
use campanile_model::{Error, Permission, Result};
use campanile_store::{Batch, Store};

use super::difference::{Difference, between};
use super::side::{Side, lost_race};
use super::{ResourceKind, sides, way};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v1::channels::{TRIES, too_contended};
use crate::v2::workflows::layouts::check_among;
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
        /// The identifier: a `workflowId` or a `layoutId`.
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
    let chosen: Option<Vec<(Translated, &str)>> = body.resources.as_ref().map(|resources| {
        let named = resources.iter().map(|one| (one.kind.resource(), one.id.as_str()));
        named.collect()
    });
    for _ in 0..TRIES {
        let (source, target) = sides(&call, &way).await?;
        if let Some((kind, unknown)) = chosen
            .iter()
            .flatten()
            .find(|(kind, id)| !is_known(&source, *kind, id) && !is_known(&target, *kind, id))
        {
            return Err(Error::bad_request(format!(
                "resources: there is no {kind} {unknown} in either environment"
            )));
        }
        let mut batch = Batch::new();
        let done = publish(call.store(), &mut batch, &source, &target, chosen.as_deref())?;
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

fn is_known(side: &Side, kind: Translated, id: &str) -> bool {
    match kind {
        Translated::Workflow => side.workflow(id).is_some(),
        Translated::Layout => side.layout(id).is_some(),
    }
}

/// Adds what is to be done to the batch, and tells of it: layouts first.
fn publish(
    store: &Store,
    batch: &mut Batch,
    source: &Side,
    target: &Side,
    chosen: Option<&[(Translated, &str)]>,
) -> Result<Vec<PublishResult>> {
    let needed: Vec<&str> = chosen
        .into_iter()
        .flatten()
        .filter(|(kind, _)| *kind == Translated::Workflow)
        .filter_map(|(_, id)| source.workflow(id))
        .flat_map(|workflow| source.layouts_of(workflow))
        .map(|layout| layout.layout_id.as_str())
        .collect();
    let is_named = |kind: Translated, id: &str| chosen.is_none_or(|chosen| chosen.contains(&(kind, id)));
    let is_wanted =
        |kind: Translated, id: &str| is_named(kind, id) || (kind == Translated::Layout && needed.contains(&id));
    let differences = between(source, target);
    let mut results = [Translated::Layout, Translated::Workflow].map(|kind| (kind, PublishResult::of(kind)));
    for (kind, result) in &mut results {
        let of_kind = differences.iter().filter(|one| one.kind == *kind);
        for difference in of_kind.filter(|one| is_wanted(*kind, &one.identifier)) {
            one(store, batch, source, target, difference, result)?;
        }
        let differs = |id: &str| differences.iter().any(|one| one.kind == *kind && one.identifier == id);
        let all: Vec<(&str, &str)> = match kind {
            Translated::Workflow => source
                .workflows
                .iter()
                .map(|one| (one.workflow_id.as_str(), one.name.as_str()))
                .collect(),
            Translated::Layout => source
                .layouts
                .iter()
                .map(|one| (one.layout_id.as_str(), one.name.as_str()))
                .collect(),
        };
        for (id, name) in all {
            if is_named(*kind, id) && !differs(id) {
                result.skip(id, name, "No changes detected");
            }
        }
        result.total_processed = result.successful.len() + result.skipped.len();
    }
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Makes one resource in the target what it is in the source.
fn one(
    store: &Store,
    batch: &mut Batch,
    source: &Side,
    target: &Side,
    difference: &Difference,
    result: &mut PublishResult,
) -> Result<()> {
    let id = difference.identifier.as_str();
    match difference.kind {
        Translated::Workflow => match (source.workflow(id), target.workflow(id)) {
            (Some(new), _) => {
                check_among(new, &source.layouts)?;
                target.put_workflow(store, batch, source, new);
            }
            (None, Some(old)) => store.delete_workflow(batch, &target.ctx, old),
            (None, None) => return Ok(()),
        },
        Translated::Layout => match (source.layout(id), target.layout(id)) {
            (Some(new), _) => target.put_layout(store, batch, source, new),
            (None, Some(old)) if old.is_default => {
                result.skip(id, &old.name, "The default layout of an environment cannot be deleted");
                return Ok(());
            }
            (None, Some(old)) => store.delete_layout(batch, &target.ctx, old),
            (None, None) => return Ok(()),
        },
    }
    let action = match (&difference.source, &difference.target) {
        (Some(_), Some(_)) => "updated",
        (Some(_), None) => "created",
        (None, _) => "deleted",
    };
    let name = difference.source.as_ref().or(difference.target.as_ref());
    result.successful.push(PublishedResource {
        resource_type: difference.kind.wire().to_owned(),
        resource_id: id.to_owned(),
        resource_name: name.map(|info| info.name.clone()).unwrap_or_default(),
        action: action.to_owned(),
    });
    Ok(())
}

impl PublishResult {
    fn of(kind: Translated) -> Self {
        Self {
            resource_type: kind.wire().to_owned(),
            successful: Vec::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            total_processed: 0,
        }
    }

    fn skip(&mut self, id: &str, name: &str, reason: &str) {
        self.skipped.push(SkippedResource {
            resource_type: self.resource_type.clone(),
            resource_id: id.to_owned(),
            resource_name: name.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn response(results: Vec<PublishResult>) -> PublishResponse {
    let sum = |count: fn(&PublishResult) -> usize| results.iter().map(count).sum();
    let summary = PublishSummary {
        resources: sum(|result| result.total_processed),
        successful: sum(|result| result.successful.len()),
        failed: 0,
        skipped: sum(|result| result.skipped.len()),
    };
    PublishResponse {
        // Official clients decode only what is empty.
        results: results
            .into_iter()
            .filter(|result| result.total_processed > 0)
            .collect(),
        summary,
    }
}
