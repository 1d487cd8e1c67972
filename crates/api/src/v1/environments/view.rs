//! An environment in answers.

use campanile_model::{Actor, Ctx, Id, slug};
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
        dns: Option<DnsResponse> = "dns";
        bridge: Option<BridgeResponse> = "bridge";
        created_at: campanile_model::Time = "createdAt";
        updated_at: campanile_model::Time = "updatedAt";
    }
}

view! {
    /// Where mail to the environment comes in.
    DnsResponse {
        inbound_domain: String = "inboundParseDomain";
    }
}

view! {
    /// Where workflows in code are asked.
    BridgeResponse {
        url: String = "url";
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

/// A key that was just made, as answers show it: its maker is the caller's own key.
pub(super) fn new_key(ctx: &Ctx, secret: String) -> ApiKeyResponse {
    let user_id = match ctx.actor {
        Actor::ApiKey(id) => id,
        _ => Id::from_bytes([0; 12]),
    };
    let hash = hex::encode(digest::digest(&digest::SHA256, secret.as_bytes()));
    ApiKeyResponse {
        key: secret,
        user_id,
        hash,
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
        dns: environment
            .inbound_domain
            .clone()
            .map(|inbound_domain| DnsResponse { inbound_domain }),
        bridge: environment.bridge_url.clone().map(|url| BridgeResponse { url }),
        created_at: environment.created_at,
        updated_at: environment.updated_at,
    }
}
