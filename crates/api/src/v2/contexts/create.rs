//! `POST /v2/contexts`.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::contexts::EXISTS;
use serde_json::{Map, Value};

use super::{check_size, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v2/contexts", "ContextsController_createContext", "Create a context", run,
    .permit(Permission::WorkflowWrite, Category::Configuration)
    .takes::<CreateContext>()
    .answers::<view::ContextResponse>()
);

fn name_rule(text: &str) -> Option<String> {
    let matches = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (!matches).then(|| "must match /^[a-zA-Z0-9_-]+$/ regular expression".to_owned())
}

dto! {
    /// A context to create.
    CreateContext {
        /// Such as `tenant`.
        required kind: String = "type" [rules::length(1, 100), name_rule];
        /// Your own id within the type.
        required id: String = "id" [rules::length(1, 100), name_rule];
        /// Free data, at most 64 KiB of JSON.
        optional data: Map<String, Value> = "data";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateContext = call.body()?;
    let data = body.data.unwrap_or_default();
    check_size(&data)?;
    let mut batch = Batch::new();
    let context = call
        .store()
        .create_context(&mut batch, &call.ctx, &body.kind, &body.id, data);
    let reply = Reply::data(201, &view::context(context))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(EXISTS) => Err(Error::conflict(format!(
            "Context with type '{}' and id '{}' already exists",
            body.kind, body.id
        ))),
        Err(error) => Err(error.into()),
    }
}
