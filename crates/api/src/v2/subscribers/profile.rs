//! The profile of a subscriber as callers give it, and its upsert.

use campanile_model::{Ctx, Result};
use campanile_store::subscribers::{CHANGED, EXISTS, Subscriber};
use campanile_store::{Batch, Store, StoreError};
use serde_json::{Map, Value};

use crate::dto;
use crate::shape::rules;

pub(crate) fn subscriber_id_rule(id: &str) -> Option<String> {
    let id = id.trim();
    if id.is_empty() {
        return Some("should not be empty: SubscriberId is required".to_owned());
    }
    // Lenient as the original is: what cannot be a path segment or a row of a report is refused, nothing else.
    if id.chars().count() > 512 {
        return Some("must be shorter than or equal to 512 characters".to_owned());
    }
    id.chars()
        .any(char::is_control)
        .then(|| "must not contain control characters".to_owned())
}

fn empty_or(rule: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |text| if text.is_empty() { None } else { rule(text) }
}

dto! {
    /// A subscriber to create or update. Null and empty texts count as not given.
    CreateSubscriber {
        /// Your own id for the person.
        required subscriber_id: String = "subscriberId" [subscriber_id_rule];
        optional first_name: String = "firstName";
        optional last_name: String = "lastName";
        optional email: String = "email" [empty_or(rules::email)];
        optional phone: String = "phone";
        optional avatar: String = "avatar";
        optional locale: String = "locale" [empty_or(rules::locale)];
        optional timezone: String = "timezone" [empty_or(rules::timezone)];
        /// Anything else; replaced as a whole.
        optional data: Map<String, Value> = "data";
    }
}

impl CreateSubscriber {
    /// The id as it is stored.
    pub(crate) fn id(&self) -> &str {
        self.subscriber_id.trim()
    }

    /// The members that were given.
    pub(crate) fn given(&self) -> Map<String, Value> {
        let texts = [
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("email", &self.email),
            ("phone", &self.phone),
            ("avatar", &self.avatar),
            ("locale", &self.locale),
            ("timezone", &self.timezone),
        ];
        let mut given: Map<String, Value> = texts
            .into_iter()
            .filter_map(|(name, text)| text.as_ref().filter(|text| !text.is_empty()).map(|text| (name, text)))
            .map(|(name, text)| (name.to_owned(), Value::from(text.as_str())))
            .collect();
        if let Some(data) = &self.data {
            given.insert("data".to_owned(), Value::Object(data.clone()));
        }
        given
    }
}

/// Adds the creation, or the update with what is given, to the batch; the subscriber as it will be, and whether it is
/// new. The commit fails with [`EXISTS`] or [`CHANGED`] when somebody else was quicker: then read again and repeat.
pub(crate) fn upsert(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    known: Option<Subscriber>,
    id: &str,
    given: Map<String, Value>,
) -> (Subscriber, bool) {
    let Some(known) = known else {
        let mut profile = given;
        profile.entry("data").or_insert_with(|| Value::Object(Map::new()));
        let subscriber = store.new_subscriber(id, profile);
        store.insert_subscriber(batch, ctx, &subscriber);
        return (subscriber, true);
    };
    let mut profile = known.profile.clone();
    profile.extend(given);
    (change(store, batch, ctx, known, profile), false)
}

/// Adds a changed profile to the batch, if it differs; the subscriber as it will be.
pub(crate) fn change(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    known: Subscriber,
    profile: Map<String, Value>,
) -> Subscriber {
    if profile == known.profile {
        return known;
    }
    store.update_subscriber(batch, ctx, &known, &profile);
    Subscriber {
        profile,
        updated_at: store.now(),
        ..known
    }
}

/// Whether a commit lost against somebody who wrote the same subscriber: worth reading again.
pub(crate) fn lost_race(error: &StoreError) -> bool {
    error.is_conflict(EXISTS) || error.is_conflict(CHANGED)
}

/// How often a lost race is run again before the caller is asked to.
pub(crate) const TRIES: usize = 8;

/// The answer when every race was lost.
pub(crate) fn too_contended<T>() -> Result<T> {
    Err(campanile_model::Error::unavailable(
        "The subscriber is being changed by others; please try again.",
        1,
    ))
}
