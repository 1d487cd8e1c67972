//! Contexts, found or created by whatever names them.

use campanile_model::Ctx;
use campanile_model::context::NamedContext;
use serde_json::Value;

use crate::db::Batch;
use crate::{Store, args, queries};

queries! {
    FIND_OR_CREATE = {
        insert "contexts",
        "environment_id text, id text, kind text, identifier text, context_key text, data text, created_at int, updated_at int",
        "ON CONFLICT (environment_id, context_key) DO NOTHING"
    };
}

impl Store {
    /// Adds those of the contexts that are not there yet; the data of existing ones is left alone.
    pub fn find_or_create_contexts(&self, batch: &mut Batch, ctx: &Ctx, contexts: &[NamedContext]) {
        let now = self.now();
        for context in contexts {
            let data = Value::Object(context.data.clone().unwrap_or_default());
            batch.add(
                &FIND_OR_CREATE,
                args![
                    ctx.environment,
                    self.new_id(),
                    &context.kind,
                    &context.id,
                    context.key(),
                    data,
                    now,
                    now
                ],
            );
        }
    }
}
