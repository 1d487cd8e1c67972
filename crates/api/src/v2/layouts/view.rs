//! A layout in answers.

use campanile_model::channel::Origin;
use campanile_model::slug::slug;
use campanile_model::{Id, Time};
use campanile_store::layouts::Layout;
use serde_json::{Map, Value, json};

use super::body;
use crate::view;

view! {
    /// A frame around e-mail bodies.
    LayoutResponse {
        id: Id = "_id";
        layout_id: String = "layoutId";
        slug: String = "slug";
        name: String = "name";
        /// Whether it is used where a step names none.
        is_default: bool = "isDefault";
        is_translation_enabled: bool = "isTranslationEnabled";
        origin: Origin = "origin";
        /// Always `BRIDGE`, as the original's layouts of this version are.
        kind: String = "type";
        /// The JSON schema of what templates of this layout may use.
        variables: Value = "variables";
        controls: LayoutControls = "controls";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// What a layout can be told, and what it is told.
    LayoutControls {
        data_schema: Value = "dataSchema";
        ui_schema: Value = "uiSchema";
        values: Map<String, Value> = "values";
    }
}

view! {
    /// A page of layouts.
    LayoutPage {
        layouts: Vec<LayoutResponse> = "layouts";
        total_count: i64 = "totalCount";
    }
}

pub(super) fn one(layout: &Layout) -> LayoutResponse {
    LayoutResponse {
        id: layout.id,
        layout_id: layout.layout_id.clone(),
        slug: slug(&layout.name, "lt", layout.id),
        name: layout.name.clone(),
        is_default: layout.is_default,
        is_translation_enabled: layout.translated,
        origin: Origin::NovuCloud,
        kind: "BRIDGE".to_owned(),
        variables: variables(layout.translated),
        controls: LayoutControls {
            data_schema: body::data_schema(),
            ui_schema: body::ui_schema(),
            values: layout.controls.clone(),
        },
        created_at: layout.created_at,
        updated_at: layout.updated_at,
    }
}

/// What templates of a layout may use.
pub(super) fn variables(translated: bool) -> Value {
    let text = json!({ "type": "string" });
    let open = json!({ "type": "object", "properties": {}, "additionalProperties": true });
    let mut schema = json!({
        "type": "object",
        "properties": {
            "subscriber": {
                "type": "object",
                "properties": {
                    "firstName": text, "lastName": text, "email": text, "phone": text, "avatar": text, "locale": text,
                    "timezone": text, "subscriberId": text, "data": open,
                },
                "additionalProperties": false,
            },
            "context": open,
            "content": text,
        },
        "additionalProperties": false,
    });
    if translated {
        schema["properties"]["t"] = open;
    }
    schema
}
