//! `POST /v1/inbox/channel-endpoints/link`: where the subscriber starts a bot, which links the chat to them.

use campanile_connect::telegram::{self, StartTelegram};
use campanile_model::Result;

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::inbox::session::NamedContexts;
use crate::v1::inbox::standing::Standing;
use crate::v1::integrations::oauth::telegram::LinkChannelEndpointResponse;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/channel-endpoints/link", "InboxController_linkChannelEndpoint",
    "Make a link by which the subscriber starts a bot and is linked to the chat", run,
    .subscriber()
    .status(200)
    .takes::<LinkFromInbox>()
    .answers::<LinkChannelEndpointResponse>()
);

dto! {
    /// An endpoint to be made of the chat in which a bot is started.
    LinkFromInbox {
        required integration_identifier: String = "integrationIdentifier";
        /// The session's context once more, where its hash comes with it.
        optional context: NamedContexts = "context";
        /// The HMAC of the context.
        optional context_hash: String = "contextHash";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: LinkFromInbox = call.body()?;
    let standing = Standing::of_call(&call, body.context.as_ref(), body.context_hash).await?;
    let ask = StartTelegram {
        integration_identifier: body.integration_identifier,
        subscriber_id: call.session()?.subscriber_id.clone(),
        context: standing.contexts(&call)?,
    };
    let (link, batch) = telegram::start_link(call.app.connect(), &call.ctx, &ask).await?;
    let reply = Reply::data(200, &LinkChannelEndpointResponse::of(link))?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
