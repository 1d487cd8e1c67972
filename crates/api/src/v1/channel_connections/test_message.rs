//! `POST /v1/channel-connections/{identifier}/test-message`: Campanile's own.

use campanile_engine::TestMessage;
use campanile_model::{Error, Permission, Result};
use serde_json::{Map, Value};

use super::named;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::channel_endpoints::{known_kind, read_address};
use crate::v1::test_message::{TestMessageResponse, check_alive, send, text_rule};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/channel-connections/{identifier}/test-message", "", "Send a test message over a channel connection", run,
    .permit(Permission::IntegrationWrite, Category::Configuration)
    .takes::<SendConnectionTestMessage>()
    .answers::<TestMessageResponse>()
);

dto! {
    /// Where to send a test message, such as a destination of the connection says it.
    SendConnectionTestMessage {
        /// The endpoint type, such as `slack_channel`.
        required kind: String = "type" [known_kind];
        /// The address as that type describes it.
        required endpoint: Map<String, Value> = "endpoint";
        /// The text; a sentence of ours when it is absent.
        optional text: String = "text" [text_rule];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: SendConnectionTestMessage = call.body()?;
    let connection = named(&call, '\'').await?;
    let address = read_address(&body.kind, &Value::Object(body.endpoint)).map_err(Error::bad_request)?;
    check_alive(&connection.grant)?;
    let test = TestMessage {
        integration: connection.integration_id,
        grant: Some(&connection.grant),
        workspace: Some(&connection.workspace.id),
        kind: &body.kind,
        address: &address,
        endpoint: None,
        endpoint_identifier: "",
        subscriber: connection.subscriber,
        text: body.text.as_deref(),
    };
    send(&call, &test, "connection", connection.id).await
}
