//! What translations belong to: a workflow or a layout, by id, slug or identifier.

use std::collections::BTreeMap;

use campanile_model::channel::Translated;
use campanile_model::slug::Reference;
use campanile_model::{Error, Id, Result};
use campanile_store::layouts::Layout;
use campanile_store::workflows::Workflow;

use crate::call::Call;

/// A workflow or a layout, as far as translations know them.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) kind: Translated,
    pub(super) id: Id,
    /// What callers call it.
    pub(super) identifier: String,
    pub(super) name: String,
}

impl From<Workflow> for Resource {
    fn from(workflow: Workflow) -> Self {
        Self {
            kind: Translated::Workflow,
            id: workflow.id,
            identifier: workflow.workflow_id,
            name: workflow.name,
        }
    }
}

impl From<Layout> for Resource {
    fn from(layout: Layout) -> Self {
        Self {
            kind: Translated::Layout,
            id: layout.id,
            identifier: layout.layout_id,
            name: layout.name,
        }
    }
}

const fn marker(kind: Translated) -> &'static str {
    match kind {
        Translated::Workflow => "wf",
        Translated::Layout => "lt",
    }
}

/// The resource of this name.
pub(super) async fn find(call: &Call, kind: Translated, name: &str) -> Result<Option<Resource>> {
    let reference = Reference::parse(name, marker(kind));
    let store = call.store();
    Ok(match kind {
        Translated::Workflow => store.workflow(&call.ctx, &reference).await?.map(Resource::from),
        Translated::Layout => store.layout(&call.ctx, &reference).await?.map(Resource::from),
    })
}

/// The resource of this name, which a body names.
pub(super) async fn named(call: &Call, kind: Translated, name: &str) -> Result<Resource> {
    let found = find(call, kind, name).await?;
    found.ok_or_else(|| {
        Error::not_found(format!("There is no {kind} with the resourceId {name}")).with("resourceId", name)
    })
}

/// The resource that the path names; `missing` when there is none.
pub(super) async fn of_path(call: &Call, missing: fn() -> Error) -> Result<Resource> {
    let kind = call.parameter("resourceType");
    let kind = Translated::parse(kind).ok_or_else(|| {
        let known = Translated::WIRE.join(", ");
        Error::bad_request(format!("resourceType must be one of the following values: {known}"))
    })?;
    find(call, kind, call.parameter("resourceId"))
        .await?
        .ok_or_else(missing)
}

/// All resources of this kind, by our id.
pub(super) async fn all(call: &Call, kind: Translated) -> Result<BTreeMap<Id, Resource>> {
    let store = call.store();
    let found: Vec<Resource> = match kind {
        Translated::Workflow => {
            let all = store.all_workflows(&call.ctx).await?;
            all.into_iter().map(Resource::from).collect()
        }
        Translated::Layout => {
            let all = store.layouts_all(&call.ctx).await?;
            all.into_iter().map(Resource::from).collect()
        }
    };
    Ok(found.into_iter().map(|resource| (resource.id, resource)).collect())
}

/// The one among `all` that a text names, by id, slug or identifier.
pub(super) fn among<'a>(all: &'a BTreeMap<Id, Resource>, kind: Translated, name: &str) -> Option<&'a Resource> {
    match Reference::parse(name, marker(kind)) {
        Reference::Id(id) => all.get(&id),
        Reference::Identifier(name) => all.values().find(|resource| resource.identifier == name),
    }
}
