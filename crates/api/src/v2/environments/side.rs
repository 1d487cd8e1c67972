//! One of the two environments that are compared or published: what of it goes along, and how it is written.

use std::collections::HashMap;

use campanile_model::channel::{Origin, Translated};
use campanile_model::{Ctx, Id, Result};
use campanile_store::layouts::Layout;
use campanile_store::translations::Translation;
use campanile_store::workflows::Workflow;
use campanile_store::{Batch, Store, StoreError, layouts};
use futures_util::future::{BoxFuture, try_join};
use serde_json::{Map, Value, json};

use crate::v2::workflows::layouts::name_of;
use crate::v2::workflows::sync::copied;

/// What of an environment is published. Workflows that are written in code are synchronized from there.
pub(crate) struct Side {
    pub(crate) ctx: Ctx,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) layouts: Vec<Layout>,
    texts: HashMap<(Translated, Id), Vec<Translation>>,
}

impl Side {
    /// Reads a side. What waits for so many answers is large, so it is kept apart.
    pub(crate) fn read(store: &Store, ctx: Ctx) -> BoxFuture<'_, Result<Self>> {
        Box::pin(async move {
            let resources = Box::pin(try_join(store.all_workflows(&ctx), store.layouts_all(&ctx))).await?;
            let (workflows, layouts) = resources;
            let texts = Box::pin(try_join(
                store.translations_all(&ctx, Translated::Workflow),
                store.translations_all(&ctx, Translated::Layout),
            ));
            let (of_workflows, of_layouts) = texts.await?;
            let mut texts: HashMap<_, Vec<Translation>> = HashMap::new();
            for one in of_workflows.into_iter().chain(of_layouts) {
                texts.entry((one.kind, one.resource_id)).or_default().push(one);
            }
            let workflows = workflows
                .into_iter()
                .filter(|workflow| workflow.origin == Origin::NovuCloud)
                .map(|workflow| portable(workflow, &layouts))
                .collect();
            Ok(Self {
                ctx,
                workflows,
                layouts,
                texts,
            })
        })
    }

    pub(crate) fn workflow(&self, id: &str) -> Option<&Workflow> {
        self.workflows.iter().find(|one| one.workflow_id == id)
    }

    pub(crate) fn layout(&self, id: &str) -> Option<&Layout> {
        self.layouts.iter().find(|one| one.layout_id == id)
    }

    /// The layouts that a workflow's steps name.
    pub(crate) fn layouts_of(&self, workflow: &Workflow) -> Vec<&Layout> {
        let named = |layout: &&Layout| {
            workflow
                .steps
                .iter()
                .any(|step| name_of(step) == Some(&layout.layout_id))
        };
        self.layouts.iter().filter(named).collect()
    }

    fn texts(&self, kind: Translated, id: Id) -> &[Translation] {
        self.texts.get(&(kind, id)).map_or(&[], Vec::as_slice)
    }

    /// The texts of a resource by locale, to be compared.
    pub(crate) fn translations(&self, kind: Translated, id: Id) -> Value {
        let texts = self.texts(kind, id).iter();
        let texts: Map<String, Value> = texts.map(|one| (one.locale.clone(), json!(one.content))).collect();
        Value::Object(texts)
    }

    /// Adds a layout of the source to this environment, in place of the one with its identifier.
    pub(crate) fn put_layout(&self, store: &Store, batch: &mut Batch, source: &Self, layout: &Layout) {
        let known = self.layout(&layout.layout_id);
        let id = if let Some(known) = known {
            let changed = Layout {
                name: layout.name.clone(),
                translated: layout.translated,
                controls: layout.controls.clone(),
                ..known.clone()
            };
            store.update_layout(batch, &self.ctx, known, changed);
            known.id
        } else {
            let now = store.now();
            let added = Layout {
                id: store.new_id(),
                is_default: layout.is_default && self.layouts.iter().all(|known| !known.is_default),
                created_at: now,
                updated_at: now,
                ..layout.clone()
            };
            store.insert_layout(batch, &self.ctx, &added);
            added.id
        };
        self.put_texts(store, batch, source, Translated::Layout, layout.id, id);
    }

    /// The same for a workflow. Returns it as it will be.
    pub(crate) fn put_workflow(
        &self,
        store: &Store,
        batch: &mut Batch,
        source: &Self,
        workflow: &Workflow,
    ) -> Workflow {
        let known = self.workflow(&workflow.workflow_id);
        let added = copied(store, workflow, known);
        let added = store.publish_workflow(batch, &self.ctx, (&source.ctx, workflow), known, added);
        self.put_texts(store, batch, source, Translated::Workflow, workflow.id, added.id);
        added
    }

    fn put_texts(&self, store: &Store, batch: &mut Batch, source: &Self, kind: Translated, from: Id, to: Id) {
        let (wanted, known) = (source.texts(kind, from), self.texts(kind, to));
        for one in known {
            if wanted.iter().all(|new| new.locale != one.locale) {
                store.delete_translation(batch, &self.ctx, kind, to, &one.locale);
            }
        }
        let now = store.now();
        for new in wanted {
            if known
                .iter()
                .any(|one| one.locale == new.locale && one.content == new.content)
            {
                continue;
            }
            let added = Translation {
                resource_id: to,
                created_at: now,
                updated_at: now,
                ..new.clone()
            };
            store.put_translation(batch, &self.ctx, &added);
        }
    }
}

/// The workflow with the identifiers of layouts, which both environments know, where its steps have ids or slugs.
fn portable(mut workflow: Workflow, layouts: &[Layout]) -> Workflow {
    for step in &mut workflow.steps {
        let named = name_of(step).and_then(|name| layouts.iter().find(|layout| layout.is_named(name)));
        if let Some(layout) = named {
            let name = layout.layout_id.as_str().into();
            step.control_values.insert("layoutId".to_owned(), name);
        }
    }
    workflow
}

/// Whether a commit lost against somebody who changed the same things: worth reading again.
pub(crate) fn lost_race(error: &StoreError) -> bool {
    crate::v2::workflows::lost_race(error)
        || [
            layouts::CHANGED,
            layouts::EXISTS,
            layouts::SECOND_DEFAULT,
            campanile_store::translations::GONE,
        ]
        .into_iter()
        .any(|conflict| error.is_conflict(conflict))
}
