//! `POST /v1/integrations/channel-endpoints/link`: a link that starts a bot with a one-time code.

use campanile_connect::telegram::{self, StartTelegram, TelegramLink};
use campanile_model::{Permission, Result, Time};

use super::context;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channels::Contexts;
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/channel-endpoints/link", "IntegrationsController_linkChannelEndpoint",
    "Make a link by which a subscriber starts a bot and is linked to the chat", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .status(200)
    .takes::<LinkChannelEndpointRequest>()
    .answers::<LinkChannelEndpointResponse>()
);

dto! {
    /// An endpoint to be made of the chat in which a bot is started.
    LinkChannelEndpointRequest {
        required integration_identifier: String = "integrationIdentifier";
        /// Whose endpoint it will be.
        required subscriber_id: String = "subscriberId";
        /// What it will be for; contexts that are not there yet are created.
        optional context: Contexts = "context";
        /// The HMAC of the context, where the integration asks for one.
        optional context_hash: String = "contextHash";
    }
}

view! {
    /// What a vendor's link is about.
    LinkProviderMetadata {
        bot_username: String = "botUsername";
        /// When the link stops working.
        expires_at: Time = "expiresAt";
    }
}

view! {
    /// Where to send the subscriber.
    LinkChannelEndpointResponse {
        url: String = "url";
        provider_metadata: LinkProviderMetadata = "providerMetadata";
    }
}

impl LinkChannelEndpointResponse {
    pub(crate) fn of(link: TelegramLink) -> Self {
        Self {
            url: link.url,
            provider_metadata: LinkProviderMetadata {
                bot_username: link.bot_username,
                expires_at: link.expires_at,
            },
        }
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: LinkChannelEndpointRequest = call.body()?;
    let ask = StartTelegram {
        context: context(&call, body.context, body.context_hash),
        integration_identifier: body.integration_identifier,
        subscriber_id: body.subscriber_id,
    };
    let (link, batch) = telegram::start_link(call.app.connect(), &call.ctx, &ask).await?;
    let reply = Reply::data(200, &LinkChannelEndpointResponse::of(link))?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
