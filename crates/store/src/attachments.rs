//! Files that triggers bring along. An event's payload and overrides name them; whoever sends reads them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use campanile_model::{Ctx, Id};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

queries! {
    INSERT = {
        insert "attachments",
        "environment_id text, event_id text, id text, name text, size int, content text, created_at int"
    };
    FIND = "SELECT id, name, content FROM attachments WHERE environment_id = $1 AND event_id = $2 AND id {in:$3}
        ORDER BY id";
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: Id,
    /// Its name; may be empty.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl FromRow for Attachment {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            name: c.text()?,
            content: STANDARD
                .decode(c.text()?)
                .map_err(|_| StoreError::Corrupt("an attachment is not base64".to_owned()))?,
        })
    }
}

impl Store {
    /// Adds the files of an event.
    pub fn insert_attachments(&self, batch: &mut Batch, ctx: &Ctx, event: Id, files: &[Attachment]) {
        for file in files {
            batch.add(
                &INSERT,
                args![
                    ctx.environment,
                    event,
                    file.id,
                    &file.name,
                    i64::try_from(file.content.len()).unwrap_or(i64::MAX),
                    STANDARD.encode(&file.content),
                    self.now()
                ],
            );
        }
    }

    /// These files of an event, those that are there.
    pub async fn attachments(&self, ctx: &Ctx, event: Id, ids: Vec<Id>) -> Result<Vec<Attachment>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND, args![ctx.environment, event, ids]).await
    }
}
