//! Workflows ready to run: read once, with their templates parsed, until configuration changes.

use std::sync::Arc;
use std::time::Duration;

use campanile_liquid::Template;
use campanile_model::channel::Translated;
use campanile_model::slug::Reference;
use campanile_model::{Ctx, Id, Result, StepType, Time};
use campanile_store::StoreError;
use campanile_store::workflows::{Step, Workflow};
use serde_json::{Map, Value};

use crate::payload::{self, Schema};
use crate::preferences::Offer;
use crate::translations::{self, Frame, Texts};
use crate::{Engine, conditions};

/// Should a notice of a change get lost, the old workflow is used for this long.
const REMEMBERED: Duration = Duration::from_secs(30);

/// A workflow with its templates.
pub struct Prepared {
    /// The workflow.
    pub workflow: Workflow,
    /// The controls of each step as one template, or why they are none.
    pub(crate) templates: Vec<Result<Template, String>>,
    /// The condition of each step.
    pub(crate) conditions: Vec<Condition>,
    /// The payload's schema, when payloads have to fit it.
    schema: Option<Schema>,
    /// What it says of its channels.
    pub(crate) offer: Offer,
    /// The layouts that its mails may go into: all of the environment, when a step makes mails.
    pub(crate) layouts: Arc<[Frame]>,
    /// Its texts in all locales, when translations are on.
    texts: Option<Texts>,
    /// The keys of texts that each step uses.
    keys: Vec<Vec<String>>,
}

/// When a step runs (its control `skip`, whose name says the opposite of what it does).
pub(crate) enum Condition {
    /// Always.
    Always,
    /// When this rule passes.
    Rule(Value),
    /// The same, for a rule with templates in its texts.
    Template(Template),
    /// Its templates cannot be read.
    Broken(String),
}

impl Condition {
    fn of(step: &Step) -> Self {
        let Some(rule) = step
            .control_values
            .get("skip")
            .filter(|rule| !conditions::is_empty(rule))
        else {
            return Self::Always;
        };
        let text = rule.to_string();
        if !text.contains("{{") && !text.contains("{%") {
            return Self::Rule(rule.clone());
        }
        match Template::parse(&text) {
            Ok(template) => Self::Template(template),
            Err(error) => Self::Broken(error.to_string()),
        }
    }
}

impl Prepared {
    fn new(mut workflow: Workflow, layouts: Arc<[Frame]>, texts: Option<Texts>) -> Self {
        let mut keys = Vec::new();
        if texts.is_some() {
            for step in &mut workflow.steps {
                keys.push(translations::prepare(&mut step.control_values));
            }
        }
        let templates = workflow
            .steps
            .iter()
            .map(|step| {
                let mut controls = step.control_values.clone();
                // Conditions are judged before anything is rendered.
                controls.remove("skip");
                // A mail's body is a template of its own: blocks are filled block by block.
                if step.kind == StepType::Email {
                    controls.remove("body");
                }
                Template::parse(&Value::Object(controls).to_string()).map_err(|error| error.to_string())
            })
            .collect();
        Self {
            conditions: workflow.steps.iter().map(Condition::of).collect(),
            schema: workflow
                .payload_schema
                .as_ref()
                .filter(|_| workflow.validate_payload)
                .and_then(|schema| match Schema::new(schema) {
                    Ok(schema) => Some(schema),
                    Err(problem) => {
                        // Schemas are checked when they are stored; this one is older than that check.
                        tracing::warn!(workflow = workflow.workflow_id, problem, "payloads are not checked");
                        None
                    }
                }),
            templates,
            layouts,
            texts,
            keys,
            offer: Offer::parse(&workflow.preferences.default, workflow.preferences.user.as_ref()),
            workflow,
        }
    }
}

impl Prepared {
    /// Puts the texts that the step at this index uses into the data, as `t`; which of them are missing.
    pub(crate) fn translate(&self, index: usize, data: &mut Value, now: Time) -> Result<Vec<String>, String> {
        match (&self.texts, self.keys.get(index)) {
            (Some(texts), Some(keys)) => texts.give(keys, data, now),
            _ => Ok(Vec::new()),
        }
    }

    /// The payload with the defaults of the workflow's schema; an error when it has to fit the schema and does not.
    pub fn checked_payload(&self, payload: Map<String, Value>) -> Result<Value> {
        let mut payload = Value::Object(payload);
        if let Some(schema) = &self.schema {
            schema.complete(&mut payload);
            payload::refuse(schema, &payload)?;
        }
        Ok(payload)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Name(Id, String),
    Id(Id, Id),
}

/// The workflows used lately, under the number of configuration changes at which they were read.
pub(crate) struct Cache {
    entries: moka::sync::Cache<(u64, Key), Option<Arc<Prepared>>>,
    /// By environment; workflows share them.
    layouts: moka::sync::Cache<(u64, Id), Arc<[Frame]>>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(1000)
                .time_to_live(REMEMBERED)
                .build(),
            layouts: moka::sync::Cache::builder()
                .max_capacity(100)
                .time_to_live(REMEMBERED)
                .build(),
        }
    }
}

impl Engine {
    /// The workflow of this name in the caller's environment.
    pub async fn workflow_named(&self, ctx: &Ctx, name: &str) -> Result<Option<Arc<Prepared>>, StoreError> {
        let key = (
            self.store().db().signals().configuration(),
            Key::Name(ctx.environment, name.to_owned()),
        );
        if let Some(known) = self.inner.workflows.entries.get(&key) {
            return Ok(known);
        }
        let found = self.store().workflow_named(ctx, name).await?;
        let found = self.prepared(ctx, found).await?;
        self.inner.workflows.entries.insert(key, found.clone());
        Ok(found)
    }

    /// The workflow with this id, if it is still there.
    pub(crate) async fn workflow_by_id(&self, ctx: &Ctx, id: Id) -> Result<Option<Arc<Prepared>>, StoreError> {
        let key = (
            self.store().db().signals().configuration(),
            Key::Id(ctx.environment, id),
        );
        if let Some(known) = self.inner.workflows.entries.get(&key) {
            return Ok(known);
        }
        let found = self.store().workflow(ctx, &Reference::Id(id)).await?;
        let found = self.prepared(ctx, found).await?;
        self.inner.workflows.entries.insert(key, found.clone());
        Ok(found)
    }

    async fn prepared(&self, ctx: &Ctx, found: Option<Workflow>) -> Result<Option<Arc<Prepared>>, StoreError> {
        let Some(workflow) = found else { return Ok(None) };
        let has_mail = workflow.steps.iter().any(|step| step.kind == StepType::Email);
        let layouts = if has_mail { self.layouts(ctx).await? } else { [].into() };
        let texts = if workflow.translated {
            let store = self.store();
            let found = store.translations_of(ctx, Translated::Workflow, workflow.id).await?;
            Some(Texts::new(found))
        } else {
            None
        };
        Ok(Some(Arc::new(Prepared::new(workflow, layouts, texts))))
    }

    async fn layouts(&self, ctx: &Ctx) -> Result<Arc<[Frame]>, StoreError> {
        let key = (self.store().db().signals().configuration(), ctx.environment);
        if let Some(known) = self.inner.workflows.layouts.get(&key) {
            return Ok(known);
        }
        let layouts = self.store().layouts_all(ctx).await?;
        let translations = if layouts.iter().any(|layout| layout.translated) {
            self.store().translations_all(ctx, Translated::Layout).await?
        } else {
            Vec::new()
        };
        let found: Arc<[Frame]> = translations::frames(layouts, translations).into();
        self.inner.workflows.layouts.insert(key, Arc::clone(&found));
        Ok(found)
    }
}
