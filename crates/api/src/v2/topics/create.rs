//! `POST /v2/topics`: an upsert, unless the caller wants a refusal when the topic exists.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::topics::{EXISTS, GONE};
use serde_json::Value;

use super::{TRIES, check_key, too_contended, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Flag, rules};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/topics", "TopicsController_upsertTopic", "Create or rename a topic", run,
    .permit(Permission::TopicWrite, Category::Configuration)
    .takes_query::<UpsertTopicQuery>()
    .takes::<UpsertTopic>()
    .answers::<view::TopicResponse>()
);

dto! {
    /// What happens when the topic exists.
    UpsertTopicQuery {
        /// Answer 409 instead of renaming.
        optional fail_if_exists: Flag = "failIfExists";
    }
}

dto! {
    /// A topic to create, or to give another name.
    UpsertTopic {
        /// Your own key: letters, digits and `-`, `_`, `:`, `.`, or an e-mail address.
        required key: String = "key" [rules::length(1, 100)];
        /// An empty name changes nothing.
        optional name: String = "name" [rules::length(0, 100)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: UpsertTopicQuery = call.query()?;
    let body: UpsertTopic = call.body()?;
    let name = body.name.filter(|name| !name.is_empty());
    let store = call.store();
    for _ in 0..TRIES {
        let mut batch = Batch::new();
        let known = store.topic(&call.ctx, &body.key).await?;
        let (status, topic) = match known {
            Some(known) if query.fail_if_exists == Some(Flag(true)) => {
                // The official client reads the body of this 409 as the existing topic (api.md 1.7).
                let existing = serde_json::to_value(view::topic(known)).map_err(Error::internal)?;
                let error = Error::conflict(format!("Topic with key \"{}\" already exists", body.key));
                let Value::Object(existing) = existing else {
                    return Err(error);
                };
                return Err(error.with_all(existing));
            }
            Some(known) => match &name {
                Some(name) if known.name.as_ref() != Some(name) => {
                    (200, store.rename_topic(&mut batch, &call.ctx, known, name.clone()))
                }
                _ => (200, known),
            },
            None => {
                check_key(&body.key)?;
                (201, store.create_topic(&mut batch, &call.ctx, &body.key, name.clone()))
            }
        };
        let reply = Reply::data(status, &view::topic(topic))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(EXISTS) || error.is_conflict(GONE) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
