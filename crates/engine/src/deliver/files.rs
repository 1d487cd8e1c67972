//! The files that go along with a delivery: its address names them, their content is beside the event.

use std::collections::HashMap;

use campanile_model::{Ctx, Id};
use campanile_store::StoreError;
use campanile_store::deliveries::Attempt;
use serde_json::Value;

use crate::{Engine, attachments};

/// One file.
pub(super) struct File {
    /// `{name, mime, size, cid, disposition}` as the trigger gave them.
    pub(super) about: Value,
    pub(super) content: Vec<u8>,
}

/// Reads the files of a delivery. One that is no longer kept is left out.
pub(super) async fn read(
    engine: &Engine,
    ctx: &Ctx,
    attempt: &Attempt,
    address: &Value,
) -> Result<Vec<File>, StoreError> {
    let entries = address.get("attachments").and_then(Value::as_array);
    let named: Vec<(Id, &Value)> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((attachments::file_of(entry)?, entry)))
        .collect();
    let ids = named.iter().map(|(id, _)| *id).collect();
    let found = engine.store().attachments(ctx, attempt.event_id, ids).await?;
    let mut contents: HashMap<Id, Vec<u8>> = found.into_iter().map(|file| (file.id, file.content)).collect();
    let files = named.into_iter().filter_map(|(id, entry)| {
        Some(File {
            content: contents.remove(&id)?,
            about: attachments::shown(entry),
        })
    });
    Ok(files.collect())
}
