//! `POST /v1/inbox/channel-endpoints`: an endpoint of the subscriber's own.

use campanile_model::{Error, Result};
use serde_json::Value;

use super::view;
use crate::call::{Call, Reply};
use crate::route::Route;
use crate::v1::channel_endpoints::address::known_kind;
use crate::v1::channel_endpoints::create::{CreateChannelEndpoint, make};
use crate::v1::channels::{Contexts, given, identifier_rule};
use crate::v1::inbox::channel_connections::seen;
use crate::v1::inbox::standing::Standing;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/inbox/channel-endpoints", "InboxController_createChannelEndpoint",
    "Create a channel endpoint of the subscriber", run,
    .subscriber()
    .takes::<CreateInboxEndpoint>()
    .answers::<view::InboxEndpointResponse>()
);

dto! {
    /// An endpoint to make.
    CreateInboxEndpoint {
        /// The caller's own id for the endpoint; one is generated when it is absent.
        optional identifier: String = "identifier" [identifier_rule];
        required integration_identifier: String = "integrationIdentifier";
        /// The connection whose token delivers to it.
        optional connection_identifier: String = "connectionIdentifier";
        /// The kind of place, such as `slack_channel`.
        required kind: String = "type" [known_kind];
        /// The place itself, in the form of its type.
        required endpoint: Value = "endpoint";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateInboxEndpoint = call.body()?;
    let session = call.session()?;
    let mut connection_identifier = None;
    if let Some(named) = given(body.connection_identifier) {
        let connection = seen(&call, &named, None)
            .await?
            .ok_or_else(|| Error::not_found(format!("Channel connection not found: {named}")))?;
        if connection.subscriber.is_none() {
            Standing::of_session(&call)?
                .check_may_change_shared(&call, connection.integration_id)
                .await?;
        }
        connection_identifier = Some(connection.identifier);
    }
    let new = CreateChannelEndpoint {
        identifier: body.identifier,
        subscriber_id: session.subscriber_id.clone(),
        context: Some(Contexts(session.contexts.named())),
        integration_identifier: body.integration_identifier,
        connection_identifier,
        kind: body.kind,
        endpoint: body.endpoint,
        create_subscriber_if_missing: None,
    };
    make(&call, &new, |endpoint| Ok(view::one(endpoint))).await
}
