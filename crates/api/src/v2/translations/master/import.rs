//! `POST /v2/translations/master-json`.

use campanile_model::{Permission, Result, locale};
use serde_json::{Map, Value};

use super::{ImportResponse, store};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v2::translations::locale_rule;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/translations/master-json", "TranslationController_importMasterJsonEndpoint", "Import master translations JSON",
    run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .status(200)
    .takes::<ImportMasterJson>()
    .answers::<ImportResponse>()
);

dto! {
    /// Texts of many resources in one locale.
    ImportMasterJson {
        required locale: String = "locale" [|text: &String| locale_rule(text)];
        /// `{workflows: {<workflowId>: texts}, layouts: {<layoutId>: texts}}`.
        required document: Map<String, Value> = "masterJson";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: ImportMasterJson = call.body()?;
    let locale = locale::parse(&body.locale).unwrap_or(body.locale);
    store(&call, &locale, &body.document).await
}
