//! Translations: the texts of workflows and layouts, by locale (api.md 7.3).

mod create;
mod delete;
mod files;
mod groups;
mod master;
mod resource;
mod retrieve;
mod upload;
mod view;

use campanile_model::{Error, Result, locale};
use campanile_store::translations::Translation;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::route::Route;
use resource::Resource;

pub(crate) const ROUTES: &[&Route] = &[
    &create::ROUTE,
    &retrieve::ROUTE,
    &delete::ROUTE,
    &upload::ROUTE,
    &groups::retrieve::ROUTE,
    &groups::delete::ROUTE,
    &master::retrieve::ROUTE,
    &master::import::ROUTE,
    &master::upload::ROUTE,
];

/// The rule for locales in requests.
fn locale_rule(text: &str) -> Option<String> {
    locale::parse(text)
        .is_none()
        .then(|| "must be a locale of language and country, such as en_US".to_owned())
}

/// The locale that the path names, in its one form. What is none finds nothing.
fn locale_of_path(call: &Call) -> Result<String> {
    locale::parse(call.parameter("locale")).ok_or_else(not_found)
}

fn not_found() -> Error {
    Error::not_found("Translation not found")
}

/// Texts of a resource as they are stored now.
fn texts(call: &Call, resource: &Resource, locale: String, content: Map<String, Value>) -> Translation {
    let now = call.store().now();
    Translation {
        kind: resource.kind,
        resource_id: resource.id,
        locale,
        content,
        created_at: now,
        updated_at: now,
    }
}
