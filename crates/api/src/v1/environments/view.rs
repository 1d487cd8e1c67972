//! An environment in answers.

use campanile_model::{Id, slug};
use campanile_store::api_keys::ApiKey;
use campanile_store::environments::Environment;
use ring::digest;

use crate::view;

view! {
    /// An environment. Only the caller's own one carries its keys.
    EnvironmentResponse {
        id: Id = "_id";
        name: String = "name";
        organization_id: Id = "_organizationId";
        identifier: String = "identifier";
        kind: String = "type";
        api_keys: Vec<ApiKeyResponse> = "apiKeys";
        parent_id: Option<Id> = "_parentId";
        slug: String = "slug";
        color: Option<String> = "color";
        created_at: campanile_model::Time = "createdAt";
        updated_at: campanile_model::Time = "updatedAt";
    }
}

view! {
    /// An API key with the SHA-256 hash by which Novu names it.
    ApiKeyResponse {
        key: String = "key";
        user_id: Id = "_userId";
        hash: String = "hash";
    }
}

/// A key as answers show it. There are no users yet: the key's own id stands where Novu names who made it.
pub(super) fn key(key: &ApiKey, secret: &str) -> ApiKeyResponse {
    ApiKeyResponse {
        key: secret.to_owned(),
        user_id: key.id,
        hash: hex::encode(digest::digest(&digest::SHA256, secret.as_bytes())),
    }
}

pub(super) fn environment(environment: &Environment, api_keys: Vec<ApiKeyResponse>) -> EnvironmentResponse {
    EnvironmentResponse {
        id: environment.id,
        name: environment.name.clone(),
        organization_id: environment.organization_id,
        identifier: environment.identifier.clone(),
        kind: environment.kind.clone(),
        api_keys,
        parent_id: environment.parent_id,
        slug: slug::slug(&environment.name, "env", environment.id),
        color: environment.color.clone(),
        created_at: environment.created_at,
        updated_at: environment.updated_at,
    }
}
