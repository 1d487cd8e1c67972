//! All texts of an environment in one locale, as one document: `{workflows: {<id>: texts}, layouts: {<id>: texts}}`.

pub(super) mod import;
pub(super) mod retrieve;
pub(super) mod upload;

use std::collections::BTreeMap;

use campanile_model::channel::Translated;
use campanile_model::{Error, Id, Result};
use campanile_store::Batch;
use serde_json::{Map, Value};

use super::{resource, texts};
use crate::call::{Call, Reply};
use crate::view;

/// The member of the document for each kind.
const PARTS: [(&str, Translated); 2] = [("workflows", Translated::Workflow), ("layouts", Translated::Layout)];

view! {
    /// What became of an import.
    ImportResponse {
        /// Whether all of it was stored.
        success: bool = "success";
        message: String = "message";
        successful: Vec<String> = "successful";
        /// Resources that are not there, or whose texts are no object.
        failed: Vec<String> = "failed";
    }
}

/// Stores what a document has of resources that are there, in one commit, and tells of the others.
async fn store(call: &Call, locale: &str, document: &Map<String, Value>) -> Result<Reply> {
    if let Some((part, _)) = PARTS
        .iter()
        .find(|(part, _)| document.get(*part).is_some_and(|value| !value.is_object()))
    {
        return Err(Error::bad_request(format!("masterJson.{part} must be an object")));
    }
    if PARTS.iter().all(|(part, _)| !document.contains_key(*part)) {
        return Err(Error::bad_request(
            "masterJson must have workflows or layouts: objects with texts by identifier",
        ));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    // One text for each resource: a resource that is named twice has what comes last.
    let mut found: BTreeMap<(Translated, Id), _> = BTreeMap::new();
    for (part, kind) in PARTS {
        let Some(entries) = document.get(part).and_then(Value::as_object) else {
            continue;
        };
        let known = resource::all(call, kind).await?;
        for (name, content) in entries {
            match (resource::among(&known, kind, name), content.as_object()) {
                (Some(resource), Some(content)) => {
                    let translation = texts(call, resource, locale.to_owned(), content.clone());
                    found.insert((kind, resource.id), translation);
                    successful.push(name.clone());
                }
                _ => failed.push(name.clone()),
            }
        }
    }
    let mut batch = Batch::new();
    for translation in found.values() {
        call.store().put_translation(&mut batch, &call.ctx, translation);
    }
    let answer = ImportResponse {
        success: failed.is_empty(),
        message: message(&successful, &failed),
        successful,
        failed,
    };
    let reply = Reply::data(200, &answer)?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}

fn message(successful: &[String], failed: &[String]) -> String {
    let count = |names: &[String]| format!("{} resources: {}", names.len(), names.join(", "));
    match (successful, failed) {
        ([], []) => "There was nothing to import".to_owned(),
        (done, []) => format!("Successfully imported translations for {}", count(done)),
        ([], failed) => format!("Failed to import translations for {}", count(failed)),
        (done, failed) => format!(
            "Imported translations for {}; failed for {}",
            count(done),
            count(failed)
        ),
    }
}
