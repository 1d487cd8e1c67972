//! `POST /v1/webhooks/endpoints/{webhookId}/deliveries/redrive`: what failed in a time is sent again, some hundred at a
//! time; the answer says whether there are more.

use campanile_model::{Permission, Result, Time};
use campanile_store::Batch;
use campanile_store::webhooks::Redrive;

use super::kind_rule;
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v1::webhooks::refuse_inactive;
use crate::{dto, route, view};

pub(crate) const ROUTE: Route = route!(
    post "/v1/webhooks/endpoints/{webhookId}/deliveries/redrive", "WebhooksController_redriveFailed", "Send failed deliveries again", run,
    .permit(Permission::WebhookWrite, Category::Configuration)
    .takes::<RedriveWebhookDeliveries>()
    .answers::<RedrivenResponse>()
);

/// Deliveries in one commit.
const MOST: usize = 500;

fn time_rule(text: &str) -> Option<String> {
    Time::parse(text)
        .is_none()
        .then(|| "must be a valid ISO 8601 date string".to_owned())
}

dto! {
    /// Which failed deliveries to send again.
    RedriveWebhookDeliveries {
        /// Made at this time or later.
        required since: String = "since" [time_rule];
        /// Made before this time; now by default.
        optional until: String = "until" [time_rule];
        /// The kind of the event; any by default.
        optional event: String = "event" [kind_rule];
    }
}

view! {
    /// What is sent again.
    RedrivenResponse {
        redriven: i64 = "redriven";
        /// Whether there are more: call again.
        has_more: bool = "hasMore";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: RedriveWebhookDeliveries = call.body()?;
    let endpoint = super::super::named(&call).await?;
    refuse_inactive(&endpoint)?;
    let which = Redrive {
        since: Time::parse(&body.since).unwrap_or_default(),
        until: body.until.as_deref().and_then(Time::parse).unwrap_or(Time::MAX),
        kind: body.event.filter(|kind| !kind.is_empty()),
        most: MOST + 1,
    };
    let store = call.store();
    let mut failed = store.failed_webhook_deliveries(&call.ctx, endpoint.id, &which).await?;
    let has_more = failed.len() > MOST;
    failed.truncate(MOST);
    let mut batch = Batch::new();
    call.app
        .engine()
        .redrive_webhooks(&mut batch, &call.ctx, endpoint.id, &failed);
    store.audit(&mut batch, &call.ctx, "webhook.redrive", endpoint.id);
    let redriven = i64::try_from(failed.len()).unwrap_or(i64::MAX);
    let reply = Reply::data(201, &RedrivenResponse { redriven, has_more })?;
    call.commit(batch, &reply).await?;
    Ok(reply)
}
