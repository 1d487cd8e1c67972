//! `DELETE /v1/messages/transaction/{transactionId}`.

use campanile_model::{Channel, Error, Permission, Result};
use campanile_store::Batch;

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    delete "/v1/messages/transaction/{transactionId}", "MessagesController_deleteMessagesByTransactionId",
    "Delete the messages of an event", run,
    .permit(Permission::MessageWrite, Category::Configuration)
    .takes_query::<DeleteMessagesQuery>()
    .status(204)
);

dto! {
    /// Of which channel.
    DeleteMessagesQuery {
        /// Only of this channel.
        optional channel: Channel = "channel";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: DeleteMessagesQuery = call.query()?;
    let missing = || Error::not_found("Invalid transactionId or channel");
    let transaction = call.parameter("transactionId").to_owned();
    let events = call
        .store()
        .events_of_transactions(&call.ctx, vec![transaction])
        .await?;
    let (_, event) = events.into_iter().next().ok_or_else(missing)?;
    if call
        .store()
        .count_messages_of_event(&call.ctx, event, query.channel)
        .await?
        == 0
    {
        return Err(missing());
    }
    let mut batch = Batch::new();
    call.store()
        .delete_messages_of_event(&mut batch, &call.ctx, event, query.channel);
    call.store()
        .audit(&mut batch, &call.ctx, "message.delete_of_event", event);
    let reply = Reply::empty();
    call.commit(batch, &reply).await?;
    Ok(reply)
}
