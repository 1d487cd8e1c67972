//! `POST /v2/environments/{targetEnvironmentId}/diff`: what publishing would change.

use campanile_model::channel::Translated;
use campanile_model::{Permission, Result, Time};
use serde_json::{Value, json};

use super::difference::{Action, Change, Difference, Info, between};
use super::side::Side;
use super::{sides, way};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v2/environments/{targetEnvironmentId}/diff", "EnvironmentsController_diffEnvironment",
    "Compare environments", run,
    .status(200)
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes::<DiffEnvironment>()
    .answers::<DiffResponse>()
);

dto! {
    /// What to compare with.
    DiffEnvironment {
        /// Development when absent.
        optional source_environment_id: String = "sourceEnvironmentId";
    }
}

view! {
    /// What differs between two environments.
    DiffResponse {
        source_environment_id: campanile_model::Id = "sourceEnvironmentId";
        target_environment_id: campanile_model::Id = "targetEnvironmentId";
        resources: Vec<ResourceDifference> = "resources";
        summary: DiffSummary = "summary";
    }
}

view! {
    /// A resource that differs.
    ResourceDifference {
        resource_type: String = "resourceType";
        source: Option<ResourceInfo> = "sourceResource";
        target: Option<ResourceInfo> = "targetResource";
        changes: Vec<ResourceChange> = "changes";
        summary: ResourceSummary = "summary";
        /// Layouts that the workflow's steps name; they are published with it.
        dependencies: Option<Vec<Dependency>> = "dependencies";
    }
}

view! {
    /// A resource that another one needs.
    Dependency {
        resource_type: String = "resourceType";
        resource_id: String = "resourceId";
        resource_name: String = "resourceName";
        /// Whether the target does not have it yet.
        is_blocking: bool = "isBlocking";
        reason: String = "reason";
    }
}

view! {
    /// A resource on one side.
    ResourceInfo {
        id: String = "id";
        name: String = "name";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// One change of a resource or of a step of it.
    ResourceChange {
        resource_type: String = "resourceType";
        source: Option<ResourceInfo> = "sourceResource";
        target: Option<ResourceInfo> = "targetResource";
        action: String = "action";
        /// What was, and what will be.
        diffs: Value = "diffs";
        step_type: Option<String> = "stepType";
        previous_index: Option<usize> = "previousIndex";
        new_index: Option<usize> = "newIndex";
    }
}

view! {
    /// How many changes of each kind.
    ResourceSummary {
        added: usize = "added";
        modified: usize = "modified";
        deleted: usize = "deleted";
        unchanged: usize = "unchanged";
    }
}

view! {
    /// All changes together.
    DiffSummary {
        total_entities: usize = "totalEntities";
        total_changes: usize = "totalChanges";
        has_changes: bool = "hasChanges";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: DiffEnvironment = call.body()?;
    let way = way(&call, body.source_environment_id.as_deref()).await?;
    let (source, target) = sides(&call, &way).await?;
    let found = between(&source, &target);
    let summary = DiffSummary {
        total_entities: found.len(),
        total_changes: found.iter().map(|one| one.changes.len()).sum(),
        has_changes: !found.is_empty(),
    };
    let resources = found.into_iter().map(|one| shown(one, &source, &target)).collect();
    Reply::data(
        200,
        &DiffResponse {
            source_environment_id: way.source.environment,
            target_environment_id: way.target.environment,
            resources,
            summary,
        },
    )
}

fn shown(found: Difference, source: &Side, target: &Side) -> ResourceDifference {
    let summary = ResourceSummary {
        added: found.count(Action::Added),
        modified: found.count(Action::Modified) + found.count(Action::Moved),
        deleted: found.count(Action::Deleted),
        unchanged: found.unchanged,
    };
    ResourceDifference {
        resource_type: found.kind.wire().to_owned(),
        dependencies: dependencies(&found, source, target),
        source: found.source.map(info),
        target: found.target.map(info),
        changes: found.changes.into_iter().map(change).collect(),
        summary,
    }
}

/// The layouts that a workflow needs, and whether the target has them.
fn dependencies(found: &Difference, source: &Side, target: &Side) -> Option<Vec<Dependency>> {
    let workflow = match found.kind {
        Translated::Workflow => source.workflow(&found.identifier)?,
        Translated::Layout => return None,
    };
    let needed = source.layouts_of(workflow).into_iter().map(|layout| {
        let is_there = target.layout(&layout.layout_id).is_some();
        let reason = if is_there {
            "LAYOUT_EXISTS_IN_TARGET"
        } else {
            "LAYOUT_REQUIRED_FOR_WORKFLOW"
        };
        Dependency {
            resource_type: Translated::Layout.wire().to_owned(),
            resource_id: layout.layout_id.clone(),
            resource_name: layout.name.clone(),
            is_blocking: !is_there,
            reason: reason.to_owned(),
        }
    });
    Some(needed.collect::<Vec<_>>()).filter(|needed| !needed.is_empty())
}

fn change(change: Change) -> ResourceChange {
    ResourceChange {
        resource_type: change.resource.to_owned(),
        source: change.source.map(info),
        target: change.target.map(info),
        action: change.action.wire().to_owned(),
        diffs: json!({ "previous": change.previous, "new": change.new }),
        step_type: change.step_type,
        previous_index: change.previous_index,
        new_index: change.new_index,
    }
}

fn info(side: Info) -> ResourceInfo {
    ResourceInfo {
        id: side.id,
        name: side.name,
        updated_at: side.updated_at,
    }
}
