//! One-time codes with which a subscriber's chat is told from others: whoever starts the bot with one is them.

use std::time::Duration;

use campanile_model::context::ContextSet;
use campanile_model::{Ctx, Id, Time};

use crate::db::{Batch, Columns, FromRow, StoreError};
use crate::{Store, args, queries};

/// How long a code works.
pub const LIVES: Duration = Duration::from_mins(10);
/// The conflict of two uses of one code.
pub const USED: &str = "link code used";

queries! {
    FIND = "SELECT integration_id, subscriber_id, contexts, used_by, expires_at
        FROM link_codes WHERE environment_id = $1 AND hash = $2";
    INSERT = {
        insert "link_codes",
        "environment_id text, hash text, integration_id text, subscriber_id text, contexts text, expires_at int"
    };
    USE = "UPDATE link_codes SET used_by = $3
        WHERE environment_id = $1 AND hash = $2 AND (used_by IS NULL OR used_by = $3)";
    SWEEP = "DELETE FROM link_codes WHERE expires_at <= $1";
}

/// Whom a code stands for.
#[derive(Clone, Debug)]
pub struct LinkCode {
    /// The integration whose bot was to be started.
    pub integration_id: Id,
    /// The subscriber.
    pub subscriber: Id,
    /// What the endpoint will be for.
    pub contexts: ContextSet,
    /// When it stops working.
    pub expires_at: Time,
    hash: String,
    used_by: Option<String>,
}

struct Stored(Id, Id, ContextSet, Option<String>, Time);

impl FromRow for Stored {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        let (integration, subscriber) = (c.id()?, c.id()?);
        let contexts = ContextSet::from_stored(&c.text()?);
        Ok(Self(integration, subscriber, contexts, c.opt_text()?, c.time()?))
    }
}

impl Store {
    /// Adds a code for a subscriber, and says when it ends.
    pub fn add_link_code(
        &self,
        batch: &mut Batch,
        ctx: &Ctx,
        code: &str,
        integration: Id,
        subscriber: Id,
        contexts: &ContextSet,
    ) -> Time {
        let end = self.now().plus(LIVES);
        let hash = self.link_code_hash(code);
        let row = args![ctx.environment, hash, integration, subscriber, contexts.stored(), end];
        batch.add(&INSERT, row);
        end
    }

    /// Whom a code stands for, as long as it works for this chat: one that used it before may use it again, because
    /// vendors tell twice what they are not sure to have told.
    pub async fn link_code(&self, ctx: &Ctx, code: &str, chat: &str) -> Result<Option<LinkCode>, StoreError> {
        let hash = self.link_code_hash(code);
        let found = self.db.first::<Stored>(&FIND, args![ctx.environment, &hash]).await?;
        let Some(Stored(integration_id, subscriber, contexts, used_by, expires_at)) = found else {
            return Ok(None);
        };
        let code = LinkCode {
            integration_id,
            subscriber,
            contexts,
            expires_at,
            hash,
            used_by,
        };
        let mine = code.used_by.as_ref().is_none_or(|user| *user == self.chat_hash(chat));
        Ok(Some(code).filter(|code| mine && self.now() < code.expires_at))
    }

    /// Marks a code as used by this chat; the commit fails with [`USED`] when another one was quicker.
    pub fn use_link_code(&self, batch: &mut Batch, ctx: &Ctx, code: &LinkCode, chat: &str) {
        let row = args![ctx.environment, &code.hash, self.chat_hash(chat)];
        batch.expect(&USE, row, USED);
    }

    fn link_code_hash(&self, code: &str) -> String {
        self.secrets.lookup_hash("link code", code)
    }

    fn chat_hash(&self, chat: &str) -> String {
        self.secrets.lookup_hash("link chat", chat)
    }
}
