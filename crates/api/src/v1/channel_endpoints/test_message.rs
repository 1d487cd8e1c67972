//! `POST /v1/channel-endpoints/{identifier}/test-message`: Campanile's own.

use campanile_engine::TestMessage;
use campanile_model::{Error, Permission, Result};

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::test_message::{TestMessageResponse, check_alive, send, text_rule};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-endpoints/{identifier}/test-message", "", "Send a test message to a channel endpoint", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<SendEndpointTestMessage>()
    .answers::<TestMessageResponse>()
);

dto! {
    /// A test message to an endpoint.
    SendEndpointTestMessage {
        /// The text; a sentence of ours when it is absent.
        optional text: String = "text" [text_rule];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: SendEndpointTestMessage = call.body()?;
    let (store, identifier) = (call.store(), call.parameter("identifier"));
    let endpoint = store
        .endpoint(&call.ctx, identifier)
        .await?
        .ok_or_else(|| Error::not_found(format!("Channel endpoint with identifier '{identifier}' not found")))?;
    let address = store.open_address(&endpoint)?;
    let grants = store
        .grants_by_id(&call.ctx, endpoint.grant_id.into_iter().collect())
        .await?;
    let grant = grants.first();
    grant.map(check_alive).transpose()?;
    let test = TestMessage {
        integration: endpoint.integration_id,
        grant,
        workspace: endpoint.workspace.as_ref().map(|workspace| workspace.id.as_str()),
        kind: &endpoint.kind,
        address: &address,
        endpoint: Some(endpoint.id),
        endpoint_identifier: &endpoint.identifier,
        subscriber: Some(endpoint.subscriber),
        text: body.text.as_deref(),
    };
    send(&call, &test, "endpoint", endpoint.id).await
}
