//! `POST /v1/integrations/chat/oauth`: the deprecated form of both links, told apart by `mode`.

use campanile_connect::oauth::{self, Mode, StartConnect, StartLink};
use campanile_model::{Permission, Result};

use super::{OAuthUrlResponse, context};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channel_connections::mode::ConnectionMode;
use crate::v1::channels::{Contexts, given, identifier_rule};
use crate::{choices, dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/chat/oauth", "IntegrationsController_getChatOAuthUrl",
    "Make a link by which a customer connects or a subscriber links (deprecated)", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<GenerateChatOauthUrlRequest>()
    .answers::<OAuthUrlResponse>()
);

choices! {
    /// What a link is for.
    OAuthMode { Connect = "connect", LinkUser = "link_user", }
}

dto! {
    /// A connection or an endpoint to be made by a consent.
    GenerateChatOauthUrlRequest {
        required integration_identifier: String = "integrationIdentifier";
        /// Whose it will be.
        optional subscriber_id: String = "subscriberId";
        /// The connection to make, or to link to.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// What it will be for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        /// The HMAC of the context, where the integration asks for one.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for at a connection.
        optional scope: Vec<String> = "scope";
        /// What to ask the vendor for when a user is linked.
        optional user_scope: Vec<String> = "userScope";
        /// What the link is for: a connection when it is absent.
        optional mode: OAuthMode = "mode";
        /// Whether the connection belongs to the subscriber, or to everybody in the context.
        optional connection_mode: ConnectionMode = "connectionMode";
        /// Whether who consents to a connection becomes an endpoint of the subscriber's too.
        optional auto_link_user: bool = "autoLinkUser";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: GenerateChatOauthUrlRequest = call.body()?;
    let context = context(&call, body.context, body.context_hash);
    let connect = call.app.connect();
    let url = match body.mode {
        Some(OAuthMode::LinkUser) => {
            let ask = StartLink {
                integration_identifier: body.integration_identifier,
                connection_identifier: given(body.connection_identifier),
                subscriber_id: body.subscriber_id.unwrap_or_default(),
                context,
                user_scope: body.user_scope,
                session: false,
            };
            oauth::start_link(connect, &call.ctx, &ask).await?
        }
        Some(OAuthMode::Connect) | None => {
            let ask = StartConnect {
                integration_identifier: body.integration_identifier,
                connection_identifier: given(body.connection_identifier),
                subscriber_id: given(body.subscriber_id),
                context,
                mode: body.connection_mode.map(Mode::from),
                scope: body.scope,
                auto_link_user: body.auto_link_user == Some(true),
                session: false,
                reconnect: None,
            };
            oauth::start(connect, &call.ctx, &ask).await?
        }
    };
    Reply::data(201, &OAuthUrlResponse::of(url))
}
