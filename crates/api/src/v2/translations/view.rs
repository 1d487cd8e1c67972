//! Translations in answers.

use campanile_model::Time;
use campanile_model::channel::Translated;
use campanile_store::translations::Translation;
use serde_json::{Map, Value};

use super::resource::Resource;
use crate::view;

view! {
    /// The texts of a resource in one locale.
    TranslationResponse {
        resource_id: String = "resourceId";
        resource_type: Translated = "resourceType";
        locale: String = "locale";
        content: Map<String, Value> = "content";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

pub(super) fn one(resource: &Resource, translation: Translation) -> TranslationResponse {
    TranslationResponse {
        resource_id: resource.identifier.clone(),
        resource_type: resource.kind,
        locale: translation.locale,
        content: translation.content,
        created_at: translation.created_at,
        updated_at: translation.updated_at,
    }
}
