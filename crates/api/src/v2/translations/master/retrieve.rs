//! `GET /v2/translations/master-json`.

use campanile_model::{Error, Permission, Result, locale};
use serde_json::{Map, Value};

use super::PARTS;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v2::translations::{locale_rule, resource};
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v2/translations/master-json", "TranslationController_getMasterJsonEndpoint", "Retrieve master translations JSON",
    run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .takes_query::<MasterQuery>()
    .answers::<MasterJson>()
);

dto! {
    /// Which texts.
    MasterQuery {
        /// The default locale, `en_US`, when absent.
        optional locale: String = "locale" [|text: &String| locale_rule(text)];
    }
}

view! {
    /// All texts in one locale, by the identifiers of their resources.
    MasterJson {
        workflows: Map<String, Value> = "workflows";
        layouts: Map<String, Value> = "layouts";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: MasterQuery = call.query()?;
    let locale = query.locale.as_deref().unwrap_or(locale::DEFAULT);
    let locale = locale::parse(locale).ok_or_else(|| Error::bad_request("locale must be a locale"))?;
    let mut parts = Vec::new();
    for (_, kind) in PARTS {
        let resources = resource::all(&call, kind).await?;
        let mut texts = Map::new();
        for one in call.store().translations_all(&call.ctx, kind).await? {
            if let Some(resource) = resources.get(&one.resource_id).filter(|_| one.locale == locale) {
                texts.insert(resource.identifier.clone(), Value::Object(one.content));
            }
        }
        parts.push(texts);
    }
    let mut parts = parts.into_iter();
    let (workflows, layouts) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Reply::data(200, &MasterJson { workflows, layouts })
}
