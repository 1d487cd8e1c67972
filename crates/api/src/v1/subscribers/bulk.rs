//! `POST /v1/subscribers/bulk`: up to 500 upserts in one commit.

use std::collections::HashMap;

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::v2::subscribers::{CreateSubscriber, upsert};
use crate::{dto, route};

/// More subscribers are refused.
const MOST: usize = 500;
const TRIES: usize = 8;

pub(crate) const ROUTE: Route = route!(
    post "/v1/subscribers/bulk", "SubscribersV1Controller_bulkCreateSubscribers", "Create or update many subscribers", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .cost(100)
    .takes::<BulkSubscribers>()
);

fn not_empty(list: &[CreateSubscriber]) -> Option<String> {
    list.is_empty().then(|| "must contain at least 1 elements".to_owned())
}

dto! {
    /// Subscribers to create or update.
    BulkSubscribers {
        required subscribers: Vec<CreateSubscriber> = "subscribers" [crate::shape::rules::most(MOST), not_empty];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: BulkSubscribers = call.body()?;
    let wanted = body.subscribers;
    let store = call.store();
    for _ in 0..TRIES {
        let ids = wanted.iter().map(|one| one.id().to_owned()).collect();
        let known = store.subscribers_named(&call.ctx, ids).await?;
        let mut known: HashMap<String, _> = known.into_iter().map(|one| (one.subscriber_id.clone(), one)).collect();
        // Several entries of one subscriber are merged in order and written once; the first decides what it counts as.
        let mut merged: Vec<(String, serde_json::Map<String, Value>)> = Vec::new();
        let (mut created, mut updated) = (Vec::new(), Vec::new());
        for one in &wanted {
            let entry = json!({ "subscriberId": one.id() });
            if let Some((_, given)) = merged.iter_mut().find(|(id, _)| id == one.id()) {
                given.extend(one.given());
                updated.push(entry);
                continue;
            }
            if known.contains_key(one.id()) {
                updated.push(entry);
            } else {
                created.push(entry);
            }
            merged.push((one.id().to_owned(), one.given()));
        }
        let mut batch = Batch::new();
        for (id, given) in merged {
            let one = known.remove(&id);
            upsert(store, &mut batch, &call.ctx, one, &id, given);
        }
        let reply = Reply::data(201, &json!({ "updated": updated, "created": created, "failed": [] }))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if crate::v2::subscribers::lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    crate::v2::subscribers::too_contended()
}
