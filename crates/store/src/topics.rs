//! Topics: named sets of subscribers, known by the caller's own key.

use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::page::{Cursor, List, Listed, Page, containing};
use crate::{Store, args, queries};

/// The conflict of creating a topic that is there already.
pub const EXISTS: &str = "topics_key";
/// The conflict of changing, deleting or joining a topic that is gone.
pub const GONE: &str = "topic gone";

/// The most characters that a key or a name has; a longer search finds nothing.
pub const LONGEST: usize = 100;

queries! {
    FIND = "SELECT id, topic_key, name, created_at, updated_at
        FROM topics WHERE environment_id = $1 AND topic_key = $2";
    FIND_MANY = "SELECT id, topic_key, name, created_at, updated_at
        FROM topics WHERE environment_id = $1 AND topic_key {in:$2}";
    FIND_BY_ID = "SELECT id, topic_key, name, created_at, updated_at
        FROM topics WHERE environment_id = $1 AND id = $2";
    INSERT = {
        insert "topics",
        "environment_id text, id text, topic_key text, name text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, topic_key) DO NOTHING"
    };
    RENAME = "UPDATE topics SET name = $3, updated_at = $4 WHERE environment_id = $1 AND id = $2";
    /// Changes nothing, but waits for whoever deletes it, and makes them wait.
    PIN = "UPDATE topics SET updated_at = updated_at WHERE environment_id = $1 AND id = $2";
    DELETE = "DELETE FROM topics WHERE environment_id = $1 AND id = $2";
    DELETE_SUBSCRIPTIONS = "DELETE FROM subscriptions WHERE environment_id = $1 AND topic_id = $2";
}

const COLUMNS: &str = "t.id, t.topic_key, t.name, t.created_at, t.updated_at";

/// One topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Our id.
    pub id: Id,
    /// The caller's key.
    pub key: String,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last renamed.
    pub updated_at: Time,
}

impl FromRow for Topic {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: c.id()?,
            key: c.text()?,
            name: c.opt_text()?,
            created_at: c.time()?,
            updated_at: c.time()?,
        })
    }
}

impl Listed for Topic {
    fn id(&self) -> Id {
        self.id
    }
}

/// What a list of topics is narrowed to; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct TopicFilter {
    /// A part of the key, in any case.
    pub key: Option<String>,
    /// A part of the name, in any case.
    pub name: Option<String>,
}

impl Store {
    /// One topic by the caller's key.
    pub async fn topic(&self, ctx: &Ctx, key: &str) -> Result<Option<Topic>, StoreError> {
        self.db.first(&FIND, args![ctx.environment, key]).await
    }

    /// The topic with this id of ours.
    pub async fn topic_by_id(&self, ctx: &Ctx, id: Id) -> Result<Option<Topic>, StoreError> {
        self.db.first(&FIND_BY_ID, args![ctx.environment, id]).await
    }

    /// The topics with these keys that are there, in no order.
    pub async fn topics_keyed(&self, ctx: &Ctx, keys: Vec<String>) -> Result<Vec<Topic>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.db.all(&FIND_MANY, args![ctx.environment, keys]).await
    }

    /// A page of topics.
    pub async fn list_topics(
        &self,
        ctx: &Ctx,
        filter: &TopicFilter,
        cursor: &Cursor,
    ) -> Result<Page<Topic>, StoreError> {
        let mut list = List::new(ctx, COLUMNS, "topics");
        for (search, condition) in [
            (&filter.key, "lower(t.topic_key) LIKE {} ESCAPE '\\'"),
            (&filter.name, "lower(t.name) LIKE {} ESCAPE '\\'"),
        ] {
            match search {
                // The engines refuse patterns of any length.
                Some(search) if search.chars().count() > LONGEST => drop(list.condition("1 = 0")),
                Some(search) => drop(list.filter(condition, containing(search))),
                None => {}
            }
        }
        list.page(&self.db, cursor).await
    }

    /// Adds a new topic, which is returned; the commit fails with [`EXISTS`] when it is there already.
    pub fn create_topic(&self, batch: &mut Batch, ctx: &Ctx, key: &str, name: Option<String>) -> Topic {
        let now = self.now();
        let topic = Topic {
            id: self.new_id(),
            key: key.to_owned(),
            name,
            created_at: now,
            updated_at: now,
        };
        batch.expect(
            &INSERT,
            args![ctx.environment, topic.id, &topic.key, topic.name.clone(), now, now],
            EXISTS,
        );
        self.audit(batch, ctx, "topic.create", topic.id);
        topic
    }

    /// Gives a topic another name, and returns it as it will be; the commit fails with [`GONE`] when it was deleted.
    pub fn rename_topic(&self, batch: &mut Batch, ctx: &Ctx, read: Topic, name: String) -> Topic {
        let topic = Topic {
            name: Some(name),
            updated_at: self.now(),
            ..read
        };
        batch.expect(
            &RENAME,
            args![ctx.environment, topic.id, topic.name.clone(), topic.updated_at],
            GONE,
        );
        self.audit(batch, ctx, "topic.update", topic.id);
        topic
    }

    /// The commit fails with [`GONE`] when the topic was deleted.
    pub fn pin_topic(&self, batch: &mut Batch, ctx: &Ctx, topic: Id) {
        batch.expect(&PIN, args![ctx.environment, topic], GONE);
    }

    /// Removes a topic with its subscriptions; the commit fails with [`GONE`] when somebody else removed it.
    pub fn delete_topic(&self, batch: &mut Batch, ctx: &Ctx, topic: &Topic) {
        // The topic's row goes first: whoever joins it at the same time waits for it, and finds it gone.
        batch.expect(&DELETE, args![ctx.environment, topic.id], GONE);
        batch.add(&DELETE_SUBSCRIPTIONS, args![ctx.environment, topic.id]);
        self.audit(batch, ctx, "topic.delete", topic.id);
    }
}
