//! `GET /v2/translations/group/{resourceType}/{resourceId}`: which locales a resource has, and which of them are older
//! than the texts of the default locale.

use campanile_model::channel::Translated;
use campanile_model::{Permission, Result, Time, locale};
use campanile_store::translations::Translation;

use super::found;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{route, view};

pub(crate) const ROUTE: Route = route!(
    get "/v2/translations/group/{resourceType}/{resourceId}", "TranslationController_getTranslationGroupEndpoint",
    "Retrieve a translation group", run,
    .permit(Permission::WorkflowRead, Category::Configuration)
    .answers::<TranslationGroup>()
);

view! {
    /// The locales of a resource.
    TranslationGroup {
        resource_id: String = "resourceId";
        resource_type: Translated = "resourceType";
        resource_name: String = "resourceName";
        locales: Vec<String> = "locales";
        /// Locales that were not changed since the default locale was.
        outdated_locales: Option<Vec<String>> = "outdatedLocales";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let (resource, translations) = found(&call).await?;
    let now = call.store().now();
    let group = TranslationGroup {
        resource_id: resource.identifier,
        resource_type: resource.kind,
        resource_name: resource.name,
        outdated_locales: Some(outdated(&translations)).filter(|locales| !locales.is_empty()),
        created_at: translations.iter().map(|one| one.created_at).min().unwrap_or(now),
        updated_at: translations.iter().map(|one| one.updated_at).max().unwrap_or(now),
        locales: translations.into_iter().map(|one| one.locale).collect(),
    };
    Reply::data(200, &group)
}

fn outdated(translations: &[Translation]) -> Vec<String> {
    let Some(default) = translations.iter().find(|one| one.locale == locale::DEFAULT) else {
        return Vec::new();
    };
    let older = translations.iter().filter(|one| one.updated_at < default.updated_at);
    older.map(|one| one.locale.clone()).collect()
}
