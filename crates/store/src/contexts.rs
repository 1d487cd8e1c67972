//! Contexts: what notifications are about, each a type and the caller's own id, with free data.

use campanile_model::context::NamedContext;
use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::page::{Cursor, List, Listed, Page, containing};
use crate::{Store, args, queries};

/// The conflict of creating a context that is there already.
pub const EXISTS: &str = "contexts_key";
/// The conflict of changing or deleting a context that is gone.
pub const GONE: &str = "context gone";

/// The longest key: a type and an id of 100 characters and the colon. A longer search finds nothing.
const LONGEST_KEY: usize = 201;

queries! {
    FIND = "SELECT id, kind, identifier, data, created_at, updated_at
        FROM contexts WHERE environment_id = $1 AND context_key = $2";
    FIND_MANY = "SELECT id, kind, identifier, data, created_at, updated_at
        FROM contexts WHERE environment_id = $1 AND context_key {in:$2} ORDER BY context_key";
    INSERT = {
        insert "contexts",
        "environment_id text, id text, kind text, identifier text, context_key text, data text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, context_key) DO NOTHING"
    };
    UPDATE = "UPDATE contexts SET data = $3, updated_at = $4 WHERE environment_id = $1 AND id = $2";
    DELETE = "DELETE FROM contexts WHERE environment_id = $1 AND id = $2";
}

const COLUMNS: &str = "t.id, t.kind, t.identifier, t.data, t.created_at, t.updated_at";

/// One context.
#[derive(Clone, Debug)]
pub struct Context {
    /// Our id, which is the cursor of lists.
    pub id: Id,
    /// The type, such as `tenant`.
    pub kind: String,
    /// The caller's own id within the type.
    pub identifier: String,
    /// Free data.
    pub data: Map<String, Value>,
    /// When it was made.
    pub created_at: Time,
    /// When its data was last changed.
    pub updated_at: Time,
}

impl Context {
    /// `type:id`, by which everything else names it.
    pub fn key(&self) -> String {
        key(&self.kind, &self.identifier)
    }
}

impl FromRow for Context {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            kind: c.text()?,
            identifier: c.text()?,
            data: match c.json()? {
                Value::Object(data) => data,
                _ => return Err(StoreError::Corrupt("a context's data is not an object".to_owned())),
            },
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

impl Listed for Context {
    fn id(&self) -> Id {
        self.id
    }
}

/// What a list of contexts is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct ContextFilter {
    /// Exactly this type.
    pub kind: Option<String>,
    /// Exactly this id.
    pub identifier: Option<String>,
    /// A part of the key, in any case.
    pub search: Option<String>,
}

fn key(kind: &str, identifier: &str) -> String {
    format!("{kind}:{identifier}")
}

impl Store {
    /// One context by its type and id.
    pub async fn context(&self, ctx: &Ctx, kind: &str, identifier: &str) -> Result<Option<Context>, StoreError> {
        self.db
            .first(&FIND, args![ctx.environment, key(kind, identifier)])
            .await
    }

    /// The contexts with these keys that are there, sorted by key.
    pub async fn contexts_keyed(&self, ctx: &Ctx, keys: &[String]) -> Result<Vec<Context>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_MANY, args![ctx.environment, keys.to_vec()]).await
    }

    /// A page of contexts.
    pub async fn list_contexts(
        &self,
        ctx: &Ctx,
        filter: &ContextFilter,
        cursor: &Cursor,
    ) -> Result<Page<Context>, StoreError> {
        let mut list = List::new(ctx, COLUMNS, "contexts");
        if let Some(kind) = &filter.kind {
            list.filter("t.kind = {}", kind);
        }
        if let Some(identifier) = &filter.identifier {
            list.filter("t.identifier = {}", identifier);
        }
        match &filter.search {
            // The engines refuse patterns of any length.
            Some(search) if search.chars().count() > LONGEST_KEY => drop(list.condition("1 = 0")),
            Some(search) => drop(list.filter("lower(t.context_key) LIKE {} ESCAPE '\\'", containing(search))),
            None => {}
        }
        list.page(&self.db, cursor).await
    }

    /// Adds a new context, which is returned; the commit fails with [`EXISTS`] when it is there already.
    pub fn create_context(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        kind: &str,
        identifier: &str,
        data: Map<String, Value>,
    ) -> Context {
        let now = self.now();
        let context = Context {
            id: self.new_id(),
            kind: kind.to_owned(),
            identifier: identifier.to_owned(),
            data,
            created_at: now,
            updated_at: now,
        };
        batch.expect(&INSERT, row(ctx, &context), EXISTS);
        self.audit(batch, ctx, "context.create", context.key());
        context
    }

    /// Adds those of the named contexts that are not there yet. The data of an existing context is never changed: what
    /// merely names a context does not own it.
    pub fn find_or_create_contexts(&self, batch: &mut Batch, ctx: &Ctx, named: &[NamedContext]) {
        for context in named {
            batch.add(&INSERT, row(ctx, &self.new_context(context)));
        }
    }

    /// A context as a trigger names it, not yet stored.
    pub fn new_context(&self, named: &NamedContext) -> Context {
        let now = self.now();
        Context {
            id: self.new_id(),
            kind: named.kind.clone(),
            identifier: named.id.clone(),
            data: named.data.clone().unwrap_or_default(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Replaces a context's data, and returns it as it will be; the commit fails with [`GONE`] when it was deleted.
    pub fn update_context(&self, batch: &mut Batch, ctx: &Ctx, read: Context, data: Map<String, Value>) -> Context {
        let context = Context {
            data,
            updated_at: self.now(),
            ..read
        };
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                context.id,
                Value::Object(context.data.clone()),
                context.updated_at
            ],
            GONE,
        );
        self.audit(batch, ctx, "context.update", context.key());
        context
    }

    /// Removes a context; the commit fails with [`GONE`] when somebody else removed it. What names it keeps its key.
    pub fn delete_context(&self, batch: &mut Batch, ctx: &Ctx, context: &Context) {
        batch.expect(&DELETE, args![ctx.environment, context.id], GONE);
        self.audit(batch, ctx, "context.delete", context.key());
    }
}

fn row(ctx: &Ctx, context: &Context) -> Vec<crate::db::Val> {
    args![
        ctx.environment,
        context.id,
        &context.kind,
        &context.identifier,
        context.key(),
        Value::Object(context.data.clone()),
        context.created_at,
        context.updated_at
    ]
}
