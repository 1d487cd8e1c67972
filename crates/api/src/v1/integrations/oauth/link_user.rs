//! `POST /v1/integrations/channel-endpoints/oauth`. It makes no call and stores nothing but contexts that are missing.

use campanile_connect::oauth::{self, StartLink};
use campanile_model::{Permission, Result};

use super::{OAuthUrlResponse, context};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::{Contexts, given, identifier_rule};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/channel-endpoints/oauth", "IntegrationsController_generateLinkUserOAuthUrl",
    "Make a link by which a subscriber links their own chat user", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<GenerateLinkUserOauthUrlRequest>()
    .answers::<OAuthUrlResponse>()
);

dto! {
    /// An endpoint to be made of the person who consents.
    GenerateLinkUserOauthUrlRequest {
        required integration_identifier: String = "integrationIdentifier";
        /// Whose endpoint it will be.
        required subscriber_id: String = "subscriberId";
        /// The connection whose token delivers to it; the one of the same scope when it is absent.
        optional connection_identifier: String = "connectionIdentifier" [identifier_rule];
        /// What it will be for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        /// The HMAC of the context, where the integration asks for one.
        optional context_hash: String = "contextHash";
        /// What to ask the vendor for, instead of what is asked for by default.
        optional user_scope: Vec<String> = "userScope";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: GenerateLinkUserOauthUrlRequest = call.body()?;
    let ask = StartLink {
        context: context(&call, body.context, body.context_hash),
        integration_identifier: body.integration_identifier,
        connection_identifier: given(body.connection_identifier),
        subscriber_id: body.subscriber_id,
        user_scope: body.user_scope,
        session: false,
    };
    let url = oauth::start_link(call.app.connect(), &call.ctx, &ask).await?;
    Reply::data(201, &OAuthUrlResponse::of(url))
}
