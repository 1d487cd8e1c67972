//! `POST /v1/webhooks/endpoints`.

use campanile_model::{Error, Permission, Result};
use campanile_store::Batch;
use campanile_store::webhooks::WebhookSettings;

use super::settings::{LONGEST_URL, address, description_rule, events_rule, tidy};
use super::{secret, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/webhooks/endpoints", "WebhooksController_createEndpoint", "Create a webhook endpoint", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .takes::<CreateWebhookEndpoint>()
    .answers::<view::WebhookEndpointResponse>()
);

/// Each change is looked at once for each endpoint of its environment.
const MOST: i64 = 50;

dto! {
    /// A webhook endpoint to make.
    CreateWebhookEndpoint {
        /// Where events are posted to: an https address.
        required url: String = "url" [rules::length(1, LONGEST_URL)];
        /// What it is for.
        optional description: String = "description" [description_rule];
        /// Kinds such as `connection.revoked`, or `connection.*`; all of them when absent or empty.
        optional events: Vec<String> = "events" [rules::most(100), events_rule];
        /// Whether events are sent; true by default.
        optional active: bool = "active";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateWebhookEndpoint = call.body()?;
    let store = call.store();
    let settings = WebhookSettings {
        url: address(call.app.connect().transport(), &body.url)?,
        description: body.description,
        events: tidy(&body.events.unwrap_or_default()),
    };
    if store.count_webhooks(&call.ctx).await? >= MOST {
        return Err(Error::bad_request(format!(
            "An environment has at most {MOST} webhook endpoints. Delete one that is not needed any more."
        )));
    }
    let mut batch = Batch::new();
    let secret = secret::make()?;
    let active = body.active.unwrap_or(true);
    let endpoint = store.create_webhook(&mut batch, &call.ctx, settings, active, &secret)?;
    let shown = view::WebhookEndpointResponse {
        secret,
        ..view::masked(store, &endpoint)?
    };
    let reply = Reply::data(201, &shown)?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
