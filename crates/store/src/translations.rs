//! Translations: the texts of workflows and layouts, one document for each resource and locale.

use campanile_model::channel::Translated;
use campanile_model::{Ctx, Id, Time};
use serde_json::{Map, Value};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

/// The conflict of a deletion with one that was quicker.
pub const GONE: &str = "translation is gone";

queries! {
    FIND = "SELECT resource_type, resource_id, locale, content, created_at, updated_at FROM translations
        WHERE environment_id = $1 AND resource_type = $2 AND resource_id = $3 AND locale = $4";
    OF_RESOURCE = "SELECT resource_type, resource_id, locale, content, created_at, updated_at FROM translations
        WHERE environment_id = $1 AND resource_type = $2 AND resource_id = $3 ORDER BY locale";
    OF_RESOURCES = "SELECT resource_type, resource_id, locale, content, created_at, updated_at FROM translations
        WHERE environment_id = $1 AND resource_type = $2 ORDER BY resource_id, locale";
    /// The default locale's time tells which others are older, so it stays when nothing changes.
    UPSERT = {
        insert "translations",
        "environment_id text, resource_type text, resource_id text, locale text, content text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, resource_type, resource_id, locale) DO UPDATE SET content = excluded.content,
            updated_at = CASE WHEN translations.locale = 'en_US' AND translations.content = excluded.content
                THEN translations.updated_at ELSE excluded.updated_at END"
    };
    DELETE = "DELETE FROM translations
        WHERE environment_id = $1 AND resource_type = $2 AND resource_id = $3 AND locale = $4";
    DELETE_ALL = "DELETE FROM translations WHERE environment_id = $1 AND resource_type = $2 AND resource_id = $3";
}

/// The texts of one resource in one locale.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What kind of resource they belong to.
    pub kind: Translated,
    /// Our id of the resource.
    pub resource_id: Id,
    /// Such as `en_US`.
    pub locale: String,
    /// The texts by key; keys may be nested.
    pub content: Map<String, Value>,
    /// When the locale was added.
    pub created_at: Time,
    /// When its texts last changed.
    pub updated_at: Time,
}

impl FromRow for Translation {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            kind: c.wire(Translated::parse)?,
            resource_id: c.id()?,
            locale: c.text()?,
            content: match c.json()? {
                Value::Object(content) => content,
                _ => return Err(StoreError::Corrupt("a translation is not an object".to_owned())),
            },
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

impl Store {
    /// The texts of a resource in one locale.
    pub async fn translation(
        &self,
        ctx: &Ctx,
        kind: Translated,
        resource: Id,
        locale: &str,
    ) -> Result<Option<Translation>, StoreError> {
        self.db
            .first(&FIND, args![ctx.environment, kind.wire(), resource, locale])
            .await
    }

    /// The texts of a resource in all locales, ordered by locale.
    pub async fn translations_of(
        &self,
        ctx: &Ctx,
        kind: Translated,
        resource: Id,
    ) -> Result<Vec<Translation>, StoreError> {
        self.db
            .all(&OF_RESOURCE, args![ctx.environment, kind.wire(), resource])
            .await
    }

    /// All texts of one kind of resources, those of a resource together, ordered by locale.
    pub async fn translations_all(&self, ctx: &Ctx, kind: Translated) -> Result<Vec<Translation>, StoreError> {
        self.db.all(&OF_RESOURCES, args![ctx.environment, kind.wire()]).await
    }

    /// Stores texts, in place of those that the resource has in this locale.
    pub fn put_translation(&self, batch: &mut Batch, ctx: &Ctx, translation: &Translation) {
        batch.add(
            &UPSERT,
            args![
                ctx.environment,
                translation.kind.wire(),
                translation.resource_id,
                &translation.locale,
                Value::Object(translation.content.clone()),
                translation.created_at,
                translation.updated_at
            ],
        );
        self.audit(batch, ctx, "translation.update", translation.resource_id);
        batch.change_configuration();
    }

    /// Stores the texts of one resource for a copy of it.
    pub fn copy_translations(&self, batch: &mut Batch, ctx: &Ctx, texts: &[Translation], copy: Id) {
        let now = self.now();
        for one in texts {
            let copied = Translation {
                resource_id: copy,
                created_at: now,
                updated_at: now,
                ..one.clone()
            };
            self.put_translation(batch, ctx, &copied);
        }
    }

    /// Removes the texts of one locale; the commit fails with [`GONE`] when they are gone already.
    pub fn delete_translation(&self, batch: &mut Batch, ctx: &Ctx, kind: Translated, resource: Id, locale: &str) {
        batch.expect(&DELETE, args![ctx.environment, kind.wire(), resource, locale], GONE);
        self.audit(batch, ctx, "translation.delete", resource);
        batch.change_configuration();
    }

    /// Removes all texts of a resource, if it has any.
    pub fn delete_translations(&self, batch: &mut Batch, ctx: &Ctx, kind: Translated, resource: Id) {
        forget_translations(batch, ctx, kind, resource);
        self.audit(batch, ctx, "translation.delete", resource);
        batch.change_configuration();
    }
}

/// Removes all texts of a resource that goes itself.
pub(crate) fn forget_translations(batch: &mut Batch, ctx: &Ctx, kind: Translated, resource: Id) {
    batch.add(&DELETE_ALL, args![ctx.environment, kind.wire(), resource]);
}
