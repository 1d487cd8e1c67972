//! What connections and endpoints have in common in requests and answers.

use campanile_model::channel::HealthStatus;
use campanile_model::context::{self, ContextSet, NamedContext};
use campanile_model::{Ctx, Error, Id, Result, Time};
use campanile_providers::catalogue;
use campanile_store::page::Order;
use campanile_store::secrets::random_word;
use campanile_store::{Store, StoreError};
use serde_json::{Map, Value, json};

use crate::shape::{Many, Path, Problems, Schemas, Shape};
use crate::{choices, view};

/// How often a lost race is run again before the caller is asked to.
pub(crate) const TRIES: usize = 8;

/// The answer when every race was lost.
pub(crate) fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The resource is being changed by others; please try again.",
        1,
    ))
}

choices! {
    /// What these lists are sorted by.
    ChannelOrder { CreatedAt = "createdAt", UpdatedAt = "updatedAt", }
}

/// What a list is sorted by: the time of creation unless the caller says otherwise.
pub(crate) fn order(by: Option<ChannelOrder>) -> Order {
    match by {
        None | Some(ChannelOrder::CreatedAt) => Order::Created,
        Some(ChannelOrder::UpdatedAt) => Order::Updated,
    }
}

/// The `context` member of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contexts(pub(crate) Vec<NamedContext>);

impl Contexts {
    /// The set that they make.
    pub(crate) fn set(&self) -> ContextSet {
        ContextSet::of(&self.0)
    }
}

impl Shape for Contexts {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let object = Map::<String, Value>::read(value, path, problems)?;
        match context::parse(&Value::Object(object)) {
            Ok(contexts) => Some(Self(contexts)),
            Err(texts) => {
                for text in texts {
                    problems.add_text(text);
                }
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        let rich = json!({
            "type": "object",
            "properties": { "id": { "type": "string" }, "data": { "type": "object", "additionalProperties": true } },
            "required": ["id"],
        });
        json!({ "type": "object", "additionalProperties": { "oneOf": [{ "type": "string" }, rich] } })
    }
}

/// The stored context set that a list is narrowed to: absent for no filter, the empty set for what has no context.
pub(crate) fn context_filter(keys: Option<Many<String>>) -> Option<String> {
    let Many(keys) = keys?;
    if keys.iter().any(|key| key.contains(',')) {
        // No key holds a comma; joined as it is, this one could look like two others.
        return Some(",".to_owned());
    }
    Some(ContextSet::new(keys).stored())
}

/// A query parameter or member that counts as absent when it is empty.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A provider of the catalogue; empty counts as absent.
pub(crate) fn known_provider(id: &str) -> Option<String> {
    if id.is_empty() || catalogue::find(id).is_some() {
        return None;
    }
    let ids: Vec<_> = catalogue::all().iter().map(|provider| provider.id).collect();
    Some(format!("must be one of the following values: {}", ids.join(", ")))
}

/// The identifier that was given, or a new one with this prefix.
pub(crate) fn identifier(given: Option<&String>, prefix: &str) -> Result<String, StoreError> {
    match given.filter(|identifier| !identifier.is_empty()) {
        Some(identifier) => Ok(identifier.clone()),
        None => Ok(format!("{prefix}{}", random_word(12)?)),
    }
}

/// An identifier has no form, but both databases index it.
pub(crate) fn identifier_rule(identifier: &str) -> Option<String> {
    crate::shape::rules::length(0, 512)(identifier)
}

/// The row id of a subscriber in a list's query: nothing was asked, nobody is known by it, or their row.
pub(crate) async fn named_subscriber(store: &Store, ctx: &Ctx, subscriber_id: Option<String>) -> Result<Named> {
    let Some(subscriber_id) = given(subscriber_id) else {
        return Ok(Named::Absent);
    };
    let found = store.subscriber(ctx, &subscriber_id).await?;
    Ok(found.map_or(Named::Unknown, |subscriber| Named::Known(subscriber.id)))
}

/// A subscriber that a list's query names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Absent,
    Unknown,
    Known(Id),
}

view! {
    /// How a connection or an endpoint stands. This member is Campanile's own.
    ChannelHealthResponse {
        status: HealthStatus = "status";
        /// Why it does not work.
        reason: Option<String> = "reason";
        since: Time = "since";
        last_success_at: Option<Time> = "lastSuccessAt";
        last_error: Option<String> = "lastError";
        /// When it ends and cannot renew itself.
        expires_at: Option<Time> = "expiresAt";
        scopes: Option<Vec<String>> = "scopes";
        missing_scopes: Option<Vec<String>> = "missingScopes";
        /// A link for the customer, where their consent mends it.
        reconnect_url: Option<String> = "reconnectUrl";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_filters_are_whole_sets() {
        let filter = |keys: Option<&[&str]>| {
            context_filter(keys.map(|keys| Many(keys.iter().map(|key| (*key).to_owned()).collect())))
        };
        let table: [(Option<&[&str]>, Option<&str>); 6] = [
            (None, None),
            (Some(&[""]), Some("")),
            (Some(&["", ""]), Some("")),
            (Some(&["b:1", "a:1"]), Some("a:1,b:1")),
            (Some(&["b:1", "", "b:1"]), Some("b:1")),
            (Some(&["a:1,b:1"]), Some(",")),
        ];
        for (keys, expected) in table {
            assert_eq!(filter(keys).as_deref(), expected, "{keys:?}");
        }
    }

    #[test]
    fn only_providers_of_the_catalogue_are_known() {
        assert!(known_provider("slack").is_none());
        assert!(known_provider("Slack").is_some());
    }

    #[test]
    fn identifiers_are_generated_when_none_is_given() {
        let made = identifier(None, "chconn_").unwrap();
        assert!(made.len() == 19 && made.starts_with("chconn_"));
        assert_eq!(identifier(Some(&"mine".to_owned()), "chconn_").unwrap(), "mine");
        assert_eq!(identifier(Some(&String::new()), "chconn_").unwrap().len(), 19);
    }
}
