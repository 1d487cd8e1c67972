//! `POST /v2/translations/upload`: texts of one resource as files, each named after its locale. Those that can be read
//! are stored in one commit.

use std::collections::BTreeMap;

use campanile_model::channel::Translated;
use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use serde_json::Value;

use super::{files, resource, texts};
use crate::call::{Call, Reply, shaped};
use crate::route::{Category, Route};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v2/translations/upload", "TranslationController_uploadTranslationFiles", "Upload translation files", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes_files()
    .status(200)
    .takes::<UploadTranslations>()
    .answers::<UploadResponse>()
);

dto! {
    /// Whose texts, and files named after their locales, such as `en_US.json`.
    UploadTranslations {
        /// The identifier, the slug or the id.
        required resource_id: String = "resourceId";
        required resource_type: Translated = "resourceType";
        required files: Vec<String> = "files";
    }
}

view! {
    /// What became of the files.
    UploadResponse {
        total_files: usize = "totalFiles";
        successful_uploads: usize = "successfulUploads";
        failed_uploads: usize = "failedUploads";
        /// A sentence for each file that was not stored.
        errors: Vec<String> = "errors";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let form = files::read(&call).await?;
    let body: UploadTranslations = shaped(&Value::Object(form.fields))?;
    if body.files.is_empty() {
        return Err(Error::bad_request("files must hold at least one file"));
    }
    let resource = resource::named(&call, body.resource_type, &body.resource_id).await?;
    let mut errors = Vec::new();
    // Of two files for one locale the later one counts.
    let mut found = BTreeMap::new();
    for file in &form.files {
        match file.texts() {
            Ok((locale, content)) => {
                let translation = texts(&call, &resource, locale.clone(), content);
                found.insert(locale, translation);
            }
            Err(problem) => errors.push(problem),
        }
    }
    let mut batch = Batch::new();
    for translation in found.values() {
        call.store().put_translation(&mut batch, &call.ctx, translation);
    }
    let answer = UploadResponse {
        total_files: form.files.len(),
        successful_uploads: form.files.len() - errors.len(),
        failed_uploads: errors.len(),
        errors,
    };
    let reply = Reply::data(200, &answer)?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
