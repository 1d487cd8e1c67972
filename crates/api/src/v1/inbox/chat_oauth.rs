//! `POST /v1/inbox/chat/oauth`: the deprecated form of both links, told apart by `mode`.

use campanile_model::Result;

use super::channel_connections::oauth::{ConnectFromInbox, connect};
use super::channel_endpoints::oauth::{LinkUserFromInbox, link};
use super::session::NamedContexts;
use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::channel_connections::mode::ConnectionMode;
use crate::v1::channels::identifier_rule;
use crate::v1::integrations::oauth::OAuthUrlResponse;
use crate::v1::integrations::oauth::chat::OAuthMode;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/chat/oauth", "InboxController_getChatOAuthUrl",
    "Make a link by which the subscriber connects or links themselves (deprecated)", run,
    .subscriber()
    .takes::<ChatOAuthFromInbox>()
    .answers::<OAuthUrlResponse>()
);

dto! {
    /// A connection or an endpoint to be made by a consent.
    ChatOAuthFromInbox {
        required integration_identifier: String = "integrationIdentifier";
        /// The connection to make, or to link to.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// The session's context once more, where its hash comes with it.
        optional context: NamedContexts = "context";
        /// The HMAC of the context.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for at a connection.
        optional scope: Vec<String> = "scope";
        /// What to ask the vendor for when a user is linked.
        optional user_scope: Vec<String> = "userScope";
        /// What the link is for: a connection when it is absent.
        optional mode: OAuthMode = "mode";
        /// Whether the connection belongs to the subscriber, or to everybody in the session's context.
        optional connection_mode: ConnectionMode = "connectionMode";
        /// Whether who consents to a connection becomes an endpoint of the subscriber's too.
        optional auto_link_user: bool = "autoLinkUser";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: ChatOAuthFromInbox = call.body()?;
    let url = match body.mode {
        Some(OAuthMode::LinkUser) => {
            let ask = LinkUserFromInbox {
                integration_identifier: body.integration_identifier,
                connection_identifier: body.connection_identifier,
                context: body.context,
                context_hash: body.context_hash,
                user_scope: body.user_scope,
            };
            link(&call, ask).await?
        }
        Some(OAuthMode::Connect) | None => {
            let ask = ConnectFromInbox {
                integration_identifier: body.integration_identifier,
                connection_identifier: body.connection_identifier,
                context: body.context,
                context_hash: body.context_hash,
                scope: body.scope,
                connection_mode: body.connection_mode,
                auto_link_user: body.auto_link_user,
            };
            connect(&call, ask).await?
        }
    };
    Reply::data(201, &OAuthUrlResponse::of(url))
}
