//! Who changed what, and what changed: rows that travel in the batch of the change itself.

use campanile_model::Ctx;
use serde_json::Value;

use crate::db::Batch;
use crate::{Store, args, queries};

queries! {
    INSERT_AUDIT = {
        insert "audits",
        "organization_id text, id text, environment_id text, actor text, action text, target text, request_id text, created_at int"
    };
    INSERT_CHANGE = { insert "changes", "environment_id text, id text, kind text, object text, created_at int" };
}

impl Store {
    /// Adds the audit row of an administrative write. `action` is `noun.verb`, `target` the id of what it was done to.
    #[expect(clippy::needless_pass_by_value, reason = "an id is as cheap as a reference to it")]
    pub fn audit(&self, batch: &mut Batch, ctx: &Ctx, action: &str, target: impl ToString) {
        batch.add(
            &INSERT_AUDIT,
            args![
                ctx.organization,
                self.new_id(),
                ctx.environment,
                ctx.actor.describe(),
                action,
                target.to_string(),
                &ctx.request_id,
                self.now()
            ],
        );
    }

    /// Adds the row of a state change that users can subscribe to, such as `connection.created`. Its id is the
    /// webhook-id under which it is delivered.
    pub fn announce(&self, batch: &mut Batch, ctx: &Ctx, kind: &str, object: &Value) {
        batch.add(
            &INSERT_CHANGE,
            args![ctx.environment, self.new_id(), kind, object, self.now()],
        );
    }
}
