//! `POST /connect/{token}/test`: a test message to a chosen place.

use campanile_engine::TestMessage;
use campanile_model::Result;
use campanile_store::Batch;
use serde_json::Value;

use super::page::see_other;
use super::texts::Said;
use super::visit::{Stop, answered, visit};
use super::{chosen, form};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;
use crate::v1::test_message::check_alive;

pub(super) const ROUTE: Route =
    route!(post "/connect/{token}/test", "", "Send a test message", run, .public().takes_form().status(303));

async fn run(call: Call) -> Result<Reply> {
    let result = test(&call).await;
    answered(&call, result)
}

async fn test(call: &Call) -> Result<Reply, Stop> {
    let form = form::check(call, "test")?;
    let visit = visit(call).await?;
    let (_, connection) = visit.connected()?;
    check_alive(&connection.grant)?;
    let named = form.get("endpoint").and_then(Value::as_str).unwrap_or_default();
    let own = chosen::endpoints(call, &visit).await?;
    let endpoint = own
        .iter()
        .find(|endpoint| endpoint.identifier == named)
        .ok_or(Stop::Gone)?;
    let address = call.store().open_address(endpoint)?;
    let test = TestMessage {
        integration: visit.integration.id,
        grant: Some(&connection.grant),
        workspace: Some(&connection.workspace.id),
        kind: &endpoint.kind,
        address: &address,
        endpoint: Some(endpoint.id),
        endpoint_identifier: &endpoint.identifier,
        subscriber: Some(endpoint.subscriber),
        text: None,
    };
    let mut batch = Batch::new();
    let tested = call.app.engine().send_test(&visit.ctx, &test, &mut batch).await?;
    call.store()
        .audit(&mut batch, &visit.ctx, "endpoint.test_message", endpoint.id);
    call.store().commit(batch).await?;
    let said = if tested.outcome.failure().is_none() {
        Said::Tested
    } else {
        Said::TestFailed
    };
    Ok(see_other(&said.page_of(&visit))?)
}
