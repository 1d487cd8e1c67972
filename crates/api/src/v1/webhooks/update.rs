//! `PATCH /v1/webhooks/endpoints/{webhookId}`: what is absent stays. Switching an endpoint on forgets its failures.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use campanile_store::webhooks::{CHANGED, WebhookSettings};

use super::settings::{LONGEST_URL, address, description_rule, events_rule, tidy};
use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Given, rules};
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v1/webhooks/endpoints/{webhookId}", "WebhooksController_updateEndpoint", "Update a webhook endpoint", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .takes::<UpdateWebhookEndpoint>()
    .answers::<view::WebhookEndpointResponse>()
);

dto! {
    /// What to change of a webhook endpoint.
    UpdateWebhookEndpoint {
        /// Where events are posted to: an https address.
        optional url: String = "url" [rules::length(1, LONGEST_URL)];
        /// What it is for; null for nothing.
        given description: String = "description" [description_rule];
        /// Kinds such as `connection.revoked`, or `connection.*`; all of them when empty.
        optional events: Vec<String> = "events" [rules::most(100), events_rule];
        /// Whether events are sent.
        optional active: bool = "active";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateWebhookEndpoint = call.body()?;
    let store = call.store();
    let url = match &body.url {
        Some(url) => Some(address(call.app.connect().transport(), url)?),
        None => None,
    };
    for _ in 0..TRIES {
        let read = named(&call).await?;
        let settings = WebhookSettings {
            url: match &url {
                Some(url) => url.clone(),
                None => store.webhook_url(&read)?,
            },
            description: match &body.description {
                Given::Absent => read.description.clone(),
                Given::Null => None,
                Given::Value(text) => Some(text.clone()),
            },
            events: body
                .events
                .as_ref()
                .map_or_else(|| read.events.clone(), |events| tidy(events)),
        };
        let mut batch = Batch::new();
        let endpoint = store.update_webhook(&mut batch, &call.ctx, read, settings, body.active)?;
        let reply = Reply::data(200, &view::masked(store, &endpoint)?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
