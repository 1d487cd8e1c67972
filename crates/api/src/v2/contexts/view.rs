//! A context in answers.

use campanile_model::Time;
use campanile_store::contexts::Context;
use serde_json::{Map, Value};

use crate::view;

view! {
    /// A context.
    ContextResponse {
        kind: String = "type";
        id: String = "id";
        data: Map<String, Value> = "data";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

pub(super) fn context(context: Context) -> ContextResponse {
    ContextResponse {
        kind: context.kind,
        id: context.identifier,
        data: context.data,
        created_at: context.created_at,
        updated_at: context.updated_at,
    }
}
