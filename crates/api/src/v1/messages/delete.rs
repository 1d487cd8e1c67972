//! `DELETE /v1/messages/{messageId}`.

use campanile_model::{Error, Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::messages::GONE;
use serde_json::json;

use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/messages/{messageId}", "MessagesController_deleteMessage", "Delete a message", run,
    .permit(Permission::MessageWrite, Category::Configuration)
);

async fn run(call: Call) -> Result<Reply> {
    let text = call.parameter("messageId");
    let missing = || Error::not_found(format!("Message with id {text} not found"));
    let id: Id = text.parse().map_err(|_| missing())?;
    let mut batch = Batch::new();
    call.store().delete_message(&mut batch, &call.ctx, id);
    call.store().audit(&mut batch, &call.ctx, "message.delete", id);
    let reply = Reply::data(200, &json!({ "acknowledged": true, "status": "deleted" }))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(GONE) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
