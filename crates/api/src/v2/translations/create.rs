//! `POST /v2/translations`: the texts of a resource in one locale, in place of those that it has.

use campanile_model::channel::Translated;
use campanile_model::{Permission, Result, locale};
use campanile_store::Batch;
use serde_json::{Map, Value};

use super::{locale_rule, resource, texts, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/translations", "TranslationController_createTranslationEndpoint", "Create a translation", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .large_body()
    .status(200)
    .takes::<CreateTranslation>()
    .answers::<view::TranslationResponse>()
);

dto! {
    /// Texts of a workflow or a layout.
    CreateTranslation {
        /// The identifier, the slug or the id.
        required resource_id: String = "resourceId";
        required resource_type: Translated = "resourceType";
        required locale: String = "locale" [|text: &String| locale_rule(text)];
        /// Texts by key. Keys may be nested, or hold dots.
        required content: Map<String, Value> = "content";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateTranslation = call.body()?;
    let resource = resource::named(&call, body.resource_type, &body.resource_id).await?;
    let locale = locale::parse(&body.locale).unwrap_or(body.locale);
    let store = call.store();
    let mut translation = texts(&call, &resource, locale, body.content);
    let known = store
        .translation(&call.ctx, resource.kind, resource.id, &translation.locale)
        .await?;
    let mut batch = Batch::new();
    store.put_translation(&mut batch, &call.ctx, &translation);
    if let Some(known) = known {
        translation.created_at = known.created_at;
        if known.locale == locale::DEFAULT && known.content == translation.content {
            translation.updated_at = known.updated_at;
        }
    }
    let reply = Reply::data(200, &view::one(&resource, translation))?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
