//! `POST /v1/inbox/channel-endpoints/oauth`: where the subscriber links their own chat user.

use campanile_connect::oauth::{self, StartLink};
use campanile_model::Result;
use url::Url;

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::channels::{given, identifier_rule};
use crate::v1::inbox::channel_connections::seen;
use crate::v1::inbox::session::NamedContexts;
use crate::v1::inbox::standing::Standing;
use crate::v1::integrations::oauth::OAuthUrlResponse;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/channel-endpoints/oauth", "InboxController_generateLinkUserOAuthUrl",
    "Make a link by which the subscriber links their own chat user", run,
    .subscriber()
    .takes::<LinkUserFromInbox>()
    .answers::<OAuthUrlResponse>()
);

dto! {
    /// An endpoint to be made of the person who consents.
    LinkUserFromInbox {
        required integration_identifier: String = "integrationIdentifier";
        /// The connection whose token delivers to it; the one of the same scope when it is absent.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// The session's context once more, where its hash comes with it.
        optional context: NamedContexts = "context";
        /// The HMAC of the context.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for, instead of what is asked for by default.
        optional user_scope: Vec<String> = "userScope";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: LinkUserFromInbox = call.body()?;
    let url = link(&call, body).await?;
    Reply::data(201, &OAuthUrlResponse::of(url))
}

/// The link by which the session's subscriber links themselves.
pub(in crate::v1::inbox) async fn link(call: &Call, body: LinkUserFromInbox) -> Result<Url> {
    let session = call.session()?;
    let standing = Standing::of_call(call, body.context.as_ref(), body.context_hash).await?;
    let connection_identifier = given(body.connection_identifier);
    if let Some(named) = &connection_identifier
        && let Some(connection) = seen(call, named, None).await?
        && connection.subscriber.is_none()
    {
        standing
            .check_may_change_shared(call, connection.integration_id)
            .await?;
    }
    let ask = StartLink {
        integration_identifier: body.integration_identifier,
        subscriber_id: session.subscriber_id.clone(),
        connection_identifier,
        context: standing.contexts(call)?,
        user_scope: body.user_scope,
        session: true,
    };
    oauth::start_link(call.app.connect(), &call.ctx, &ask).await
}
