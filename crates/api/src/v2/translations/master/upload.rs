//! `POST /v2/translations/master-json/upload`: the document as a file, whose name is the locale.

use campanile_model::{Error, Permission, Result};
use serde_json::Value;

use super::{ImportResponse, store};
use crate::call::{Call, Reply, shaped};
use crate::route::{Category, Route};
use crate::v2::translations::files;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/translations/master-json/upload", "TranslationController_uploadMasterJsonEndpoint",
    "Upload master translations JSON file", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .takes_files()
    .status(200)
    .takes::<UploadMasterJson>()
    .answers::<ImportResponse>()
);

dto! {
    /// A file named after its locale, such as `en_US.json`.
    UploadMasterJson {
        required file: String = "file";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let form = files::read(&call).await?;
    let body: UploadMasterJson = shaped(&Value::Object(form.fields))?;
    let file = form.files.iter().find(|file| file.name == body.file);
    let file = file.ok_or_else(|| Error::bad_request("file must be a file, named after its locale"))?;
    let (locale, document) = file
        .texts()
        .map_err(|problem| Error::bad_request(format!("file: {problem}")))?;
    store(&call, &locale, &document).await
}
