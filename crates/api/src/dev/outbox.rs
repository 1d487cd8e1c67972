//! `GET /dev/outbox` and `DELETE /dev/outbox`.

use campanile_model::Result;
use campanile_store::Batch;
use campanile_store::outbox::Kept;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::dto;
use crate::route;
use crate::route::Route;
use crate::shape::Number;

pub(crate) const LIST: Route =
    route!(get "/dev/outbox", "", "What would have gone out", list, .dev().takes_query::<OutboxQuery>());
pub(crate) const CLEAR: Route = route!(delete "/dev/outbox", "", "Empty the outbox", clear, .dev().status(204));

dto! {
    /// How much of the outbox.
    OutboxQuery {
        /// At most 500; 100 by default.
        optional limit: Number = "limit";
    }
}

async fn list(call: Call) -> Result<Reply> {
    let query: OutboxQuery = call.query()?;
    let limit = query
        .limit
        .map_or(100, |limit| u32::try_from(limit.0.clamp(1, 500)).unwrap_or(100));
    let environments = call
        .store()
        .environment_ids()
        .await?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let kept = call.store().outbox(environments, limit).await?;
    Reply::raw(
        200,
        &json!({ "data": kept.iter().map(shown).collect::<Vec<_>>(), "count": kept.len() }),
    )
}

fn shown(kept: &Kept) -> Value {
    json!({
        "id": kept.id,
        "at": kept.created_at,
        "channel": kept.channel,
        "providerId": kept.provider_id,
        "integrationIdentifier": kept.integration_identifier,
        "subscriberId": kept.subscriber_id,
        "to": kept.recipient,
        "content": kept.content,
        "request": kept.request,
    })
}

async fn clear(call: Call) -> Result<Reply> {
    let mut batch = Batch::new();
    for (environment, _) in call.store().environment_ids().await? {
        call.store().clear_outbox(&mut batch, environment);
    }
    call.store().commit(batch).await?;
    Ok(Reply::empty())
}
