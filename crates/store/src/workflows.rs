//! Workflows: what happens on a trigger. The steps are one JSON column, because they are always read together.

use std::time::Duration;

use campanile_model::channel::{Origin, Severity, Translated, WorkflowStatus};
use campanile_model::slug::Reference;
use campanile_model::{Channel, Ctx, Id, StepType, Time};
use serde_json::{Map, Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError, Val};
use crate::translations::forget_translations;
use crate::{Store, args, queries};

/// The conflict of two creations of one workflow.
pub const EXISTS: &str = "workflows_workflow_id";
/// The conflict of two changes of one workflow.
pub const CHANGED: &str = "workflow changed meanwhile";

queries! {
    FIND = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND id = $2";
    FIND_NAMED = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND workflow_id = $2";
    FIND_MANY = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND id {in:$2}";
    MATCHING = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows t WHERE environment_id = $1 AND (id {in:$2} OR workflow_id {in:$3}
            OR EXISTS (SELECT 1 FROM {each:t.tags} WHERE value {in:$4})) ORDER BY id LIMIT $5";
    FIND_ALL = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 ORDER BY id";
    FIND_MANY_NAMED = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND workflow_id {in:$2}";
    INSERT = {
        insert "workflows",
        "environment_id text, id text, workflow_id text, name text, description text, tags text, active bool, status text, validate_payload bool, payload_schema text, translated bool, severity text, origin text, preferences text, steps text, search text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, workflow_id) DO NOTHING"
    };
    UPDATE = "UPDATE workflows SET name = $3, description = $4, tags = $5, active = $6, status = $7,
        validate_payload = $8, payload_schema = $9, translated = $10, severity = $11, preferences = $12, steps = $13,
        search = $14, updated_at = $15 WHERE environment_id = $1 AND id = $2 AND updated_at = $16";
    DELETE = "DELETE FROM workflows WHERE environment_id = $1 AND id = $2";
    DELETE_PREFERENCES = "DELETE FROM preferences WHERE environment_id = $1 AND workflow_id = $2 AND workflow_id <> ''";
    ACTIVE = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND active ORDER BY id";
    MARK_TRIGGERED = "UPDATE workflows SET last_triggered_at = $3
        WHERE environment_id = $1 AND id = $2 AND (last_triggered_at IS NULL OR last_triggered_at <= $4)";
    MARK_PUBLISHED = "UPDATE workflows SET published_at = $3 WHERE environment_id = $1 AND id = $2";
    /// A rough look: who reads it compares the steps.
    MENTIONING = "SELECT id, workflow_id, name, description, tags, active, status, validate_payload, payload_schema,
        translated, severity, origin, preferences, steps, last_triggered_at, published_at, created_at,
        updated_at
        FROM workflows WHERE environment_id = $1 AND steps LIKE '%\"layoutId\":%'";
    ACTIVE_CHANNELS = "SELECT channel, is_primary FROM integrations
        WHERE environment_id = $1 AND active AND deleted_at IS NULL AND channel IS NOT NULL";
}

const COLUMNS: &str = "t.id, t.workflow_id, t.name, t.description, t.tags, t.active, t.status, t.validate_payload,
    t.payload_schema, t.translated, t.severity, t.origin, t.preferences, t.steps, t.last_triggered_at, t.published_at,
    t.created_at, t.updated_at";

/// A busy workflow's time of last use is written at most this often.
const TRIGGERED_EVERY: Duration = Duration::from_mins(1);

/// One workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// Our id.
    pub id: Id,
    /// The identifier that triggers use; it never changes.
    pub workflow_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether triggers are taken.
    pub active: bool,
    /// Follows from `active` and the issues of the steps.
    pub status: WorkflowStatus,
    /// Whether payloads must fit the schema.
    pub validate_payload: bool,
    /// The JSON schema of payloads; nothing when the caller said null.
    pub payload_schema: Option<Value>,
    /// Whether translations are on.
    pub translated: bool,
    /// How urgent its notifications are shown.
    pub severity: Severity,
    /// Where it is written.
    pub origin: Origin,
    /// Which channels subscribers get it through unless they choose otherwise.
    pub preferences: Preferences,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// When it was last triggered, to the minute.
    pub last_triggered_at: Option<Time>,
    /// When it was last published, from this environment or to it.
    pub published_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed; each change has a later time than the one before.
    pub updated_at: Time,
}

/// Preferences as the API has them: `{all: {enabled, readOnly}, channels: {<channel>: {enabled}}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Preferences {
    /// What was chosen in the dashboard, if anything.
    pub user: Option<Value>,
    /// What the workflow itself says.
    pub default: Value,
}

/// One step of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Our id.
    pub id: Id,
    /// The identifier, unique in the workflow.
    pub step_id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: StepType,
    /// What it is told.
    pub control_values: Map<String, Value>,
    /// What is wrong with that, by path: lists of `{issueType, message, variableName}`.
    pub issues: Map<String, Value>,
}

impl Step {
    /// The step as it is stored, also as a snapshot with a job.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "stepId": self.step_id,
            "name": self.name,
            "type": self.kind,
            "controlValues": self.control_values,
            "issues": self.issues,
        })
    }

    /// Reads what [`Step::to_json`] wrote.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let object = |name: &str| value.get(name).and_then(Value::as_object).cloned();
        Some(Self {
            id: text("id")?.parse().ok()?,
            step_id: text("stepId")?.to_owned(),
            name: text("name")?.to_owned(),
            kind: StepType::parse(text("type")?)?,
            control_values: object("controlValues")?,
            issues: object("issues").unwrap_or_default(),
        })
    }
}

impl FromRow for Workflow {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            workflow_id: c.text()?,
            name: c.text()?,
            description: c.opt_text()?,
            tags: c.texts()?,
            active: c.bool()?,
            status: c.wire(WorkflowStatus::parse)?,
            validate_payload: c.bool()?,
            payload_schema: c.opt_json()?,
            translated: c.bool()?,
            severity: c.wire(Severity::parse)?,
            origin: c.wire(Origin::parse)?,
            preferences: preferences_of(&c.json()?),
            steps: steps_of(&c.json()?)?,
            last_triggered_at: c.opt_time()?,
            published_at: c.opt_time()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

fn preferences_of(value: &Value) -> Preferences {
    Preferences {
        user: value.get("user").filter(|user| !user.is_null()).cloned(),
        default: value.get("default").cloned().unwrap_or(Value::Null),
    }
}

fn steps_of(value: &Value) -> Result<Vec<Step>, StoreError> {
    value
        .as_array()
        .and_then(|steps| steps.iter().map(Step::from_json).collect())
        .ok_or_else(|| StoreError::Corrupt("a workflow's steps cannot be read".to_owned()))
}

/// A channel through which something can be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveChannel {
    /// The channel.
    pub channel: Channel,
    /// Whether the active integration is the channel's primary one.
    pub is_primary: bool,
}

impl FromRow for ActiveChannel {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            channel: c.wire(Channel::parse)?,
            is_primary: c.bool()?,
        })
    }
}

/// What a list of workflows is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowOrder {
    /// By the time of creation.
    Created,
    /// By the time of the last change.
    Updated,
    /// By name.
    Name,
    /// By the time of the last trigger; those never triggered count as the oldest.
    LastTriggered,
}

impl WorkflowOrder {
    const fn expression(self) -> &'static str {
        match self {
            Self::Created => "t.created_at",
            Self::Updated => "t.updated_at",
            Self::Name => "t.name",
            Self::LastTriggered => "COALESCE(t.last_triggered_at, 0)",
        }
    }
}

/// Which workflows a caller wants to see; all of what is given must hold.
#[derive(Clone, Debug)]
pub struct WorkflowList {
    /// At most so many.
    pub limit: u32,
    /// Without the first so many.
    pub offset: u64,
    /// What to sort by.
    pub order: WorkflowOrder,
    /// Last first.
    pub descending: bool,
    /// A part of the name, the identifier or a tag, in any case.
    pub query: Option<String>,
    /// Any of these tags, unless empty.
    pub tags: Vec<String>,
    /// Any of these, unless empty.
    pub status: Vec<WorkflowStatus>,
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

impl Store {
    /// The workflow that a path names, by id, slug or identifier.
    pub async fn workflow(&self, ctx: &Ctx, reference: &Reference) -> Result<Option<Workflow>, StoreError> {
        match reference {
            Reference::Id(id) => self.db.first(&FIND, args![ctx.environment, id]).await,
            Reference::Identifier(identifier) => self.workflow_named(ctx, identifier).await,
        }
    }

    /// The workflows with these ids, in no order.
    pub async fn workflows_by_id(&self, ctx: &Ctx, ids: Vec<Id>) -> Result<Vec<Workflow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_MANY, args![ctx.environment, ids]).await
    }

    /// The workflows that these name, in no order; those that are not there are left out.
    pub async fn workflows_referred(&self, ctx: &Ctx, references: &[Reference]) -> Result<Vec<Workflow>, StoreError> {
        let mut ids = Vec::new();
        let mut names = Vec::new();
        for reference in references {
            match reference {
                Reference::Id(id) => ids.push(*id),
                Reference::Identifier(name) => names.push(name.clone()),
            }
        }
        let named = async {
            if names.is_empty() {
                return Ok(Vec::new());
            }
            self.db.all(&FIND_MANY_NAMED, args![ctx.environment, names]).await
        };
        let (found, named) = futures_util::future::join(self.workflows_by_id(ctx, ids), named).await;
        let (mut found, named): (Vec<Workflow>, Vec<Workflow>) = (found?, named?);
        for workflow in named {
            if found.iter().all(|known| known.id != workflow.id) {
                found.push(workflow);
            }
        }
        Ok(found)
    }

    /// The workflows that can be triggered, oldest first.
    pub async fn active_workflows(&self, ctx: &Ctx) -> Result<Vec<Workflow>, StoreError> {
        self.db.all(&ACTIVE, args![ctx.environment]).await
    }

    /// The workflow with this identifier, as triggers name it.
    pub async fn workflow_named(&self, ctx: &Ctx, workflow_id: &str) -> Result<Option<Workflow>, StoreError> {
        self.db.first(&FIND_NAMED, args![ctx.environment, workflow_id]).await
    }

    /// The first workflows with any of these ids, identifiers or tags, oldest first.
    pub async fn workflows_matching(
        &self,
        ctx: &Ctx,
        ids: Vec<Id>,
        identifiers: Vec<String>,
        tags: Vec<String>,
        most: usize,
    ) -> Result<Vec<Workflow>, StoreError> {
        self.db
            .all(&MATCHING, args![ctx.environment, ids, identifiers, tags, most])
            .await
    }

    /// All workflows of the caller's environment, oldest first: for what compares or searches them all.
    pub async fn all_workflows(&self, ctx: &Ctx) -> Result<Vec<Workflow>, StoreError> {
        self.db.all(&FIND_ALL, args![ctx.environment]).await
    }

    /// The workflows with a step that names a layout, whichever.
    pub async fn workflows_with_layouts(&self, ctx: &Ctx) -> Result<Vec<Workflow>, StoreError> {
        self.db.all(&MENTIONING, args![ctx.environment]).await
    }

    /// A page of workflows, and how many there are in all. Those of the API's first version are not listed.
    pub async fn list_workflows(&self, ctx: &Ctx, list: &WorkflowList) -> Result<(Vec<Workflow>, i64), StoreError> {
        let (condition, values) = list_condition(ctx, list);
        let direction = if list.descending { "DESC" } else { "ASC" };
        let page = format!(
            "SELECT {COLUMNS} FROM workflows t WHERE {condition} ORDER BY {} {direction}, t.id {direction}
            LIMIT {} OFFSET {}",
            list.order.expression(),
            list.limit,
            list.offset,
        );
        let count = format!("SELECT count(*) FROM workflows t WHERE {condition}");
        let (rows, total) = futures_util::future::join(
            self.db.all_of::<Workflow>(&page, values.clone()),
            self.db.all_of::<Count>(&count, values),
        )
        .await;
        Ok((rows?, total?.first().map_or(0, |count| count.0)))
    }

    /// Adds a new workflow; the commit fails with [`EXISTS`] when there is one with the same identifier.
    pub fn insert_workflow(&self, batch: &mut Batch, ctx: &Ctx, workflow: &Workflow) {
        batch.expect(
            &INSERT,
            args![
                ctx.environment,
                workflow.id,
                &workflow.workflow_id,
                &workflow.name,
                workflow.description.clone(),
                json!(workflow.tags),
                workflow.active,
                workflow.status.wire(),
                workflow.validate_payload,
                workflow.payload_schema.clone(),
                workflow.translated,
                workflow.severity.wire(),
                workflow.origin.wire(),
                preferences_json(&workflow.preferences),
                steps_json(&workflow.steps),
                search_text(workflow),
                workflow.created_at,
                workflow.updated_at
            ],
            EXISTS,
        );
        self.record_change(batch, ctx, "created", workflow, &json!({ "object": names(workflow) }));
    }

    /// Stores a changed workflow; the commit fails with [`CHANGED`] when somebody else changed it since it was read.
    /// Returns the workflow as it will be.
    pub fn update_workflow(&self, batch: &mut Batch, ctx: &Ctx, read: &Workflow, changed: Workflow) -> Workflow {
        // Strictly later than before, even within one millisecond: the time is also what tells two versions apart.
        let at = self.now().max(read.updated_at.plus(Duration::from_millis(1)));
        let changed = Workflow {
            updated_at: at,
            ..changed
        };
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                read.id,
                &changed.name,
                changed.description.clone(),
                json!(changed.tags),
                changed.active,
                changed.status.wire(),
                changed.validate_payload,
                changed.payload_schema.clone(),
                changed.translated,
                changed.severity.wire(),
                preferences_json(&changed.preferences),
                steps_json(&changed.steps),
                search_text(&changed),
                at,
                read.updated_at
            ],
            CHANGED,
        );
        let object = json!({ "object": names(&changed), "previousObject": names(read) });
        self.record_change(batch, ctx, "updated", &changed, &object);
        changed
    }

    /// Stores a workflow that comes from `source`, another environment, in place of `known` when there is one, announces
    /// it and dates it on both sides. The commit fails with [`CHANGED`] or [`EXISTS`] when somebody else was quicker.
    /// Returns the workflow as it will be.
    pub fn publish_workflow(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        source: (&Ctx, &Workflow),
        known: Option<&Workflow>,
        workflow: Workflow,
    ) -> Workflow {
        let names = json!({ "object": names(&workflow) });
        let mut workflow = if let Some(known) = known {
            self.update_workflow(batch, ctx, known, workflow)
        } else {
            self.insert_workflow(batch, ctx, &workflow);
            workflow
        };
        let now = self.now();
        workflow.published_at = Some(now);
        for (ctx, id) in [(source.0, source.1.id), (ctx, workflow.id)] {
            batch.add(&MARK_PUBLISHED, args![ctx.environment, id, now]);
        }
        self.announce(batch, ctx, "workflow.published", &names);
        workflow
    }

    /// Removes a workflow with its steps, its translations and what subscribers chose for it; the commit fails with [`CHANGED`] when it is gone already.
    pub fn delete_workflow(&self, batch: &mut Batch, ctx: &Ctx, workflow: &Workflow) {
        batch.expect(&DELETE, args![ctx.environment, workflow.id], CHANGED);
        batch.add(&DELETE_PREFERENCES, args![ctx.environment, workflow.id]);
        forget_translations(batch, ctx, Translated::Workflow, workflow.id);
        self.record_change(batch, ctx, "deleted", workflow, &json!({ "object": names(workflow) }));
    }

    /// Takes note that the workflow was triggered now, unless it was within the last minute.
    pub fn mark_triggered(&self, batch: &mut Batch, ctx: &Ctx, id: Id) {
        let now = self.now();
        batch.add(
            &MARK_TRIGGERED,
            args![ctx.environment, id, now, now.minus(TRIGGERED_EVERY)],
        );
    }

    /// The channels with an active integration, one entry for each integration.
    pub async fn active_channels(&self, ctx: &Ctx) -> Result<Vec<ActiveChannel>, StoreError> {
        self.db.all(&ACTIVE_CHANNELS, args![ctx.environment]).await
    }

    fn record_change(&self, batch: &mut Batch, ctx: &Ctx, what: &str, workflow: &Workflow, object: &Value) {
        let verb = what.trim_end_matches('d');
        self.audit(batch, ctx, &format!("workflow.{verb}"), workflow.id);
        self.announce(batch, ctx, &format!("workflow.{what}"), object);
        batch.change_configuration();
    }
}

/// The condition of a list and its values; texts from callers are values only.
fn list_condition(ctx: &Ctx, list: &WorkflowList) -> (String, Vec<Val>) {
    let mut condition = "t.environment_id = $1 AND t.origin <> 'novu-cloud-v1'".to_owned();
    let mut values = args![ctx.environment];
    let mut add = |text: &str, value: Val| {
        values.push(value);
        condition.push_str(" AND ");
        condition.push_str(&text.replace("{n}", &values.len().to_string()));
    };
    if let Some(query) = &list.query {
        add("t.search LIKE ${n} ESCAPE '\\'", Val::from(pattern(query)));
    }
    if !list.tags.is_empty() {
        add(
            "EXISTS (SELECT 1 FROM {each:t.tags} WHERE value {in:${n}})",
            Val::from(list.tags.clone()),
        );
    }
    if !list.status.is_empty() {
        let status: Vec<&str> = list.status.iter().map(|status| status.wire()).collect();
        add("t.status {in:${n}}", Val::from(status));
    }
    (condition, values)
}

/// A text that is looked for anywhere, its wildcards taken literally.
pub(crate) fn pattern(query: &str) -> String {
    let mut out = "%".to_owned();
    for c in query.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('%');
    out
}

/// What lists are searched by: folded here, because the engines fold differently.
fn search_text(workflow: &Workflow) -> String {
    let mut words = vec![workflow.name.as_str(), workflow.workflow_id.as_str()];
    words.extend(workflow.tags.iter().map(String::as_str));
    words.join("\n").to_lowercase()
}

fn steps_json(steps: &[Step]) -> Value {
    steps.iter().map(Step::to_json).collect()
}

fn preferences_json(preferences: &Preferences) -> Value {
    json!({ "user": preferences.user, "default": preferences.default })
}

/// How a change names the workflow that it is about.
fn names(workflow: &Workflow) -> Value {
    json!({ "_id": workflow.id, "workflowId": workflow.workflow_id, "name": workflow.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_query_are_taken_literally() {
        assert_eq!(pattern("Äb"), "%äb%");
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
    }

    #[test]
    fn a_step_is_read_back_as_it_was_written() {
        let step = Step {
            id: Id::from_bytes([7; 12]),
            step_id: "chat".to_owned(),
            name: "Chat".to_owned(),
            kind: StepType::Chat,
            control_values: Map::from_iter([("body".to_owned(), json!("Hello"))]),
            issues: Map::new(),
        };
        assert_eq!(Step::from_json(&step.to_json()), Some(step));
        assert_eq!(Step::from_json(&json!({ "stepId": "chat" })), None);
    }
}
