//! Outbound webhooks: changes become deliveries (`relay`), deliveries become calls (`attempt`), on the same queue and by
//! the same rules as messages.

pub(crate) mod attempt;
mod data;
pub(crate) mod lines;
pub(crate) mod relay;

use std::time::Duration;

use campanile_model::{Ctx, Id, Time, changes};
use campanile_store::tasks::NewTask;
use campanile_store::webhooks::NewWebhookDelivery;
use campanile_store::{Batch, StoreError};
use serde_json::{Map, Value, json};

use crate::Engine;
use crate::task::{WEBHOOK, WebhookV1, payload};

/// How long a delivery is tried.
const EXPIRY: Duration = Duration::from_hours(3 * 24);

impl Engine {
    /// Adds an event that only this webhook endpoint is told of, so that its owner can try it out; the ids of its
    /// delivery and of the event.
    pub fn test_webhook(&self, batch: &mut Batch, ctx: &Ctx, endpoint: Id) -> Result<(Id, Id), StoreError> {
        let (store, now) = (self.store(), self.store().now());
        let data = json!({
            "id": endpoint.to_string(),
            "message": "This event was sent by hand, to try out the webhook endpoint.",
        });
        let delivery = NewWebhookDelivery {
            id: store.new_id(),
            endpoint_id: endpoint,
            change_id: store.new_id(),
            kind: changes::TEST.to_owned(),
            expires_at: now.plus(EXPIRY),
        };
        let body = body(&delivery.kind, now, &data);
        store.insert_change_for_one(batch, ctx, delivery.change_id, &delivery.kind, &data, &body)?;
        store.insert_webhook_delivery(batch, ctx, &delivery);
        store.enqueue(batch, ctx, task(endpoint, delivery.id, now));
        Ok((delivery.id, delivery.change_id))
    }

    /// Adds another round for these deliveries of a webhook endpoint: what has ended begins anew, what waits for its
    /// next attempt is due now, and what is under way is left alone.
    pub fn redrive_webhooks(&self, batch: &mut Batch, ctx: &Ctx, endpoint: Id, deliveries: &[Id]) {
        let (store, now) = (self.store(), self.store().now());
        store.reopen_webhook_deliveries(batch, ctx, deliveries, now.plus(EXPIRY));
        for delivery in deliveries {
            // A delivery that has not ended has its task already: none is added.
            store.enqueue(batch, ctx, task(endpoint, *delivery, now));
        }
        for delivery in deliveries {
            store.hurry_task(batch, *delivery);
        }
    }
}

/// The task of a delivery, under its id: there is never a second one.
fn task(endpoint: Id, delivery: Id, run_at: Time) -> NewTask {
    let asked = WebhookV1 {
        endpoint: endpoint.to_string(),
        delivery: delivery.to_string(),
        tries: 0,
        repeated: false,
    };
    NewTask {
        // One lane for each receiver: a slow one delays nobody else.
        lane: format!("webhook:{endpoint}"),
        kind: WEBHOOK,
        payload: payload(&asked),
        run_at,
        id: delivery,
    }
}

/// What goes out. It is made once and stored, so that each repetition is the same to the byte.
fn body(kind: &str, at: Time, data: &Value) -> String {
    let members = [
        ("type", Value::from(kind)),
        ("timestamp", at.to_string().into()),
        ("data", data.clone()),
    ];
    let members: Map<String, Value> = members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    Value::Object(members).to_string()
}
