//! Layouts: frames around e-mail bodies, at most one of them the default of its environment.

use std::time::Duration;

use campanile_model::channel::Translated;
use campanile_model::slug::Reference;
use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value, json};

use crate::db::{Batch, Columns, FromRow, StoreError, Val};
use crate::translations::forget_translations;
use crate::{Store, args, queries};

/// The conflict of two creations of one layout.
pub const EXISTS: &str = "layouts_layout_id";
/// The conflict of two creations of the first layout.
pub const SECOND_DEFAULT: &str = "layouts_default";
/// The conflict of two changes of one layout.
pub const CHANGED: &str = "layout changed meanwhile";

queries! {
    FIND = "SELECT id, layout_id, name, is_default, translated, controls, created_at, updated_at
        FROM layouts WHERE environment_id = $1 AND id = $2";
    FIND_NAMED = "SELECT id, layout_id, name, is_default, translated, controls, created_at, updated_at
        FROM layouts WHERE environment_id = $1 AND layout_id = $2";
    FIND_DEFAULT = "SELECT id, layout_id, name, is_default, translated, controls, created_at, updated_at
        FROM layouts WHERE environment_id = $1 AND is_default";
    ALL_OF_ENVIRONMENT = "SELECT id, layout_id, name, is_default, translated, controls, created_at, updated_at
        FROM layouts WHERE environment_id = $1 ORDER BY id";
    INSERT = {
        insert "layouts",
        "environment_id text, id text, layout_id text, name text, is_default bool, translated bool, controls text, search text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, layout_id) DO NOTHING"
    };
    UPDATE = "UPDATE layouts SET name = $3, translated = $4, controls = $5, search = $6, updated_at = $7
        WHERE environment_id = $1 AND id = $2 AND updated_at = $8";
    DELETE = "DELETE FROM layouts WHERE environment_id = $1 AND id = $2 AND NOT is_default";
}

const COLUMNS: &str = "t.id, t.layout_id, t.name, t.is_default, t.translated, t.controls, t.created_at, t.updated_at";

/// One layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Our id.
    pub id: Id,
    /// The identifier that steps and triggers use; it never changes.
    pub layout_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is used where a step names none.
    pub is_default: bool,
    /// Whether translations are on.
    pub translated: bool,
    /// What it is told: `{email: {body, editorType}}`, or nothing.
    pub controls: Map<String, Value>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed; each change has a later time than the one before.
    pub updated_at: Time,
}

impl Layout {
    /// The body, if there is one.
    pub fn body(&self) -> Option<&str> {
        self.controls
            .get("email")?
            .get("body")?
            .as_str()
            .filter(|body| !body.is_empty())
    }

    /// Whether a step or a trigger means this layout by this text: its identifier, its id or its slug.
    pub fn is_named(&self, text: &str) -> bool {
        match Reference::parse(text, "lt") {
            Reference::Id(id) => id == self.id,
            Reference::Identifier(identifier) => identifier == self.layout_id,
        }
    }
}

impl FromRow for Layout {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            layout_id: c.text()?,
            name: c.text()?,
            is_default: c.bool()?,
            translated: c.bool()?,
            controls: match c.json()? {
                Value::Object(controls) => controls,
                _ => return Err(StoreError::Corrupt("a layout's controls are not an object".to_owned())),
            },
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

/// What a list of layouts is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutOrder {
    /// By the time of creation.
    Created,
    /// By the time of the last change.
    Updated,
    /// By name.
    Name,
}

impl LayoutOrder {
    const fn column(self) -> &'static str {
        match self {
            Self::Created => "t.created_at",
            Self::Updated => "t.updated_at",
            Self::Name => "t.name",
        }
    }
}

/// Which layouts a caller wants to see.
#[derive(Clone, Debug)]
pub struct LayoutList {
    /// At most so many.
    pub limit: u32,
    /// Without the first so many.
    pub offset: u64,
    /// What to sort by.
    pub order: LayoutOrder,
    /// Last first.
    pub descending: bool,
    /// A part of the name or the identifier, in any case.
    pub query: Option<String>,
}

impl Store {
    /// The layout that a path names, by id, slug or identifier.
    pub async fn layout(&self, ctx: &Ctx, reference: &Reference) -> Result<Option<Layout>, StoreError> {
        match reference {
            Reference::Id(id) => self.db.first(&FIND, args![ctx.environment, id]).await,
            Reference::Identifier(name) => self.db.first(&FIND_NAMED, args![ctx.environment, name]).await,
        }
    }

    /// The layout that is used where a step names none.
    pub async fn default_layout(&self, ctx: &Ctx) -> Result<Option<Layout>, StoreError> {
        self.db.first(&FIND_DEFAULT, args![ctx.environment]).await
    }

    /// All layouts of the environment.
    pub async fn layouts_all(&self, ctx: &Ctx) -> Result<Vec<Layout>, StoreError> {
        self.db.all(&ALL_OF_ENVIRONMENT, args![ctx.environment]).await
    }

    /// A page of layouts, and how many there are in all.
    pub async fn list_layouts(&self, ctx: &Ctx, list: &LayoutList) -> Result<(Vec<Layout>, i64), StoreError> {
        let mut condition = "t.environment_id = $1".to_owned();
        let mut values: Vec<Val> = args![ctx.environment];
        if let Some(query) = &list.query {
            condition.push_str(" AND t.search LIKE $2 ESCAPE '\\'");
            values.push(Val::from(crate::workflows::pattern(query)));
        }
        let direction = if list.descending { "DESC" } else { "ASC" };
        let page = format!(
            "SELECT {COLUMNS} FROM layouts t WHERE {condition} ORDER BY {} {direction}, t.id {direction}
            LIMIT {} OFFSET {}",
            list.order.column(),
            list.limit,
            list.offset,
        );
        let count = format!("SELECT count(*) FROM layouts t WHERE {condition}");
        let (rows, total) = futures_util::future::join(
            self.db.all_of::<Layout>(&page, values.clone()),
            self.db.all_of::<Count>(&count, values),
        )
        .await;
        Ok((rows?, total?.first().map_or(0, |count| count.0)))
    }

    /// Adds a new layout; the commit fails with [`EXISTS`] when there is one with the same identifier, and with
    /// [`SECOND_DEFAULT`] when it shall be the default and there is one.
    pub fn insert_layout(&self, batch: &mut Batch, ctx: &Ctx, layout: &Layout) {
        batch.expect(
            &INSERT,
            args![
                ctx.environment,
                layout.id,
                &layout.layout_id,
                &layout.name,
                layout.is_default,
                layout.translated,
                Value::Object(layout.controls.clone()),
                search_text(layout),
                layout.created_at,
                layout.updated_at
            ],
            EXISTS,
        );
        self.audit(batch, ctx, "layout.create", layout.id);
        batch.change_configuration();
    }

    /// Stores a changed layout; the commit fails with [`CHANGED`] when somebody else changed it since it was read.
    /// Returns the layout as it will be.
    pub fn update_layout(&self, batch: &mut Batch, ctx: &Ctx, read: &Layout, changed: Layout) -> Layout {
        // Strictly later than before, even within one millisecond: the time is also what tells two versions apart.
        let at = self.now().max(read.updated_at.plus(Duration::from_millis(1)));
        let changed = Layout {
            updated_at: at,
            ..changed
        };
        batch.expect(
            &UPDATE,
            args![
                ctx.environment,
                read.id,
                &changed.name,
                changed.translated,
                json!(changed.controls),
                search_text(&changed),
                at,
                read.updated_at
            ],
            CHANGED,
        );
        self.audit(batch, ctx, "layout.update", read.id);
        batch.change_configuration();
        changed
    }

    /// Removes a layout and its translations; the commit fails with [`CHANGED`] when it is gone already or is the default.
    pub fn delete_layout(&self, batch: &mut Batch, ctx: &Ctx, layout: &Layout) {
        batch.expect(&DELETE, args![ctx.environment, layout.id], CHANGED);
        forget_translations(batch, ctx, Translated::Layout, layout.id);
        self.audit(batch, ctx, "layout.delete", layout.id);
        batch.change_configuration();
    }
}

/// What lists are searched by: folded here, because the engines fold differently.
fn search_text(layout: &Layout) -> String {
    format!("{}\n{}", layout.name, layout.layout_id).to_lowercase()
}
