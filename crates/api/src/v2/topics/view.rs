//! A topic in answers.

use campanile_model::{Id, Time};
use campanile_store::topics::Topic;

use crate::view;

view! {
    /// A topic.
    TopicResponse {
        id: Id = "_id";
        key: String = "key";
        name: Option<String> = "name";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
    }
}

pub(crate) fn topic(topic: Topic) -> TopicResponse {
    TopicResponse {
        id: topic.id,
        key: topic.key,
        name: topic.name,
        created_at: topic.created_at,
        updated_at: topic.updated_at,
    }
}
