//! `POST /v1/inbox/channel-connections/oauth`: where the subscriber connects a workspace of their own, or one for their
//! context.

use campanile_connect::oauth::{self, Mode, StartConnect};
use campanile_model::{Error, Result};
use url::Url;

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::channel_connections::mode::ConnectionMode;
use crate::v1::channels::{given, identifier_rule};
use crate::v1::inbox::session::NamedContexts;
use crate::v1::inbox::standing::Standing;
use crate::v1::integrations::oauth::OAuthUrlResponse;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/channel-connections/oauth", "InboxController_generateConnectOAuthUrl",
    "Make a link by which the subscriber connects their workspace", run,
    .subscriber()
    .takes::<ConnectFromInbox>()
    .answers::<OAuthUrlResponse>()
);

dto! {
    /// A connection to be made by a consent.
    ConnectFromInbox {
        required integration_identifier: String = "integrationIdentifier";
        /// What the caller will call the connection.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// The session's context once more, where its hash comes with it.
        optional context: NamedContexts = "context";
        /// The HMAC of the context.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for, instead of what is asked for by default.
        optional scope: Vec<String> = "scope";
        /// Whether it belongs to the subscriber, or to everybody in the session's context.
        optional connection_mode: ConnectionMode = "connectionMode";
        /// Whether who consents becomes an endpoint of the subscriber's too.
        optional auto_link_user: bool = "autoLinkUser";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: ConnectFromInbox = call.body()?;
    let url = connect(&call, body).await?;
    Reply::data(201, &OAuthUrlResponse::of(url))
}

/// The link by which the session's subscriber connects.
pub(in crate::v1::inbox) async fn connect(call: &Call, body: ConnectFromInbox) -> Result<Url> {
    let session = call.session()?;
    let standing = Standing::of_call(call, body.context.as_ref(), body.context_hash).await?;
    let mode = body.connection_mode.unwrap_or(ConnectionMode::Subscriber);
    if mode == ConnectionMode::Shared {
        if session.contexts.is_empty() {
            return Err(Error::bad_request(
                "context is required when connectionMode is \"shared\"",
            ));
        }
        standing.check_may_share_on(call, &body.integration_identifier).await?;
    }
    let ask = StartConnect {
        integration_identifier: body.integration_identifier,
        connection_identifier: given(body.connection_identifier),
        subscriber_id: Some(session.subscriber_id.clone()),
        context: standing.contexts(call)?,
        mode: Some(Mode::from(mode)),
        scope: body.scope,
        auto_link_user: body.auto_link_user == Some(true),
        session: true,
        reconnect: None,
        hosted: None,
    };
    oauth::start(call.app.connect(), &call.ctx, &ask).await
}
