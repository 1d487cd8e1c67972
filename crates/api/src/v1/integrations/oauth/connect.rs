//! `POST /v1/integrations/channel-connections/oauth`. It makes no call and stores nothing but contexts that are missing.

use campanile_connect::oauth::{self, Mode, StartConnect};
use campanile_model::{Permission, Result};

use super::{OAuthUrlResponse, context};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channel_connections::mode::ConnectionMode;
use crate::v1::channels::{Contexts, given, identifier_rule};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/channel-connections/oauth", "IntegrationsController_generateConnectOAuthUrl",
    "Make a link by which a customer connects their workspace", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<GenerateConnectOauthUrlRequest>()
    .answers::<OAuthUrlResponse>()
);

dto! {
    /// A connection to be made by a consent.
    GenerateConnectOauthUrlRequest {
        required integration_identifier: String = "integrationIdentifier";
        /// Whose connection it will be.
        optional subscriber_id: String = "subscriberId";
        /// Your own id for the connection; one is generated when it is absent.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// What it will be for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        /// The HMAC of the context, where the integration asks for one.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for, instead of what is asked for by default.
        optional scope: Vec<String> = "scope";
        /// Whether it belongs to the subscriber, or to everybody in the context.
        optional connection_mode: ConnectionMode = "connectionMode";
        /// Whether who consents becomes an endpoint of the subscriber's too.
        optional auto_link_user: bool = "autoLinkUser";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: GenerateConnectOauthUrlRequest = call.body()?;
    let ask = StartConnect {
        context: context(&call, body.context, body.context_hash),
        integration_identifier: body.integration_identifier,
        connection_identifier: given(body.connection_identifier),
        subscriber_id: given(body.subscriber_id),
        mode: body.connection_mode.map(Mode::from),
        scope: body.scope,
        auto_link_user: body.auto_link_user == Some(true),
        session: false,
        reconnect: None,
    };
    let url = oauth::start(call.app.connect(), &call.ctx, &ask).await?;
    Reply::data(201, &OAuthUrlResponse::of(url))
}
