//! `GET /v1/messages`: newest first, paged by number.

use campanile_model::context::ContextSet;
use campanile_model::{Channel, Error, Permission, Result};
use campanile_store::messages::MessageFilter;
use serde_json::json;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{FURTHEST_PAGE, NumberedPage};
use crate::route::{Category, Route};
use crate::shape::{Many, Number, rules};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/messages", "MessagesController_getMessages", "List messages", run,
    .permit(Permission::MessageRead, Category::Configuration)
    .takes_query::<ListMessagesQuery>()
    .answers_raw::<NumberedPage<view::MessageResponse>>()
);

dto! {
    /// What to list; all of it must hold.
    ListMessagesQuery {
        optional channel: Channel = "channel";
        optional subscriber_id: String = "subscriberId";
        optional transaction_id: Many<String> = "transactionId";
        optional context_keys: Many<String> = "contextKeys";
        optional page: Number = "page" [rules::at_least(0), rules::at_most(FURTHEST_PAGE)];
        /// At most 1000; 10 by default.
        optional limit: Number = "limit" [rules::at_least(1)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListMessagesQuery = call.query()?;
    let limit = query.limit.map_or(10, |limit| limit.0);
    if limit > 1000 {
        return Err(Error::bad_request("Limit can not be larger then 1000"));
    }
    let limit = u32::try_from(limit).unwrap_or(10);
    let page = query.page.map_or(0, |page| u32::try_from(page.0).unwrap_or(0));
    let mut filter = MessageFilter {
        channel: query.channel,
        contexts: query.context_keys.map(|keys| ContextSet::new(keys.0)),
        ..MessageFilter::default()
    };
    if let Some(id) = query.subscriber_id.filter(|id| !id.is_empty()) {
        let subscriber = call.store().subscriber(&call.ctx, &id).await?;
        let subscriber = subscriber.ok_or_else(|| Error::not_found(format!("Subscriber: {id} was not found")))?;
        filter.subscriber = Some(subscriber.id);
    }
    if let Some(Many(ids)) = query.transaction_id {
        let ids = ids.into_iter().filter(|id| !id.is_empty()).collect();
        let events = call.store().events_of_transactions(&call.ctx, ids).await?;
        filter.events = Some(events.into_iter().map(|(_, event)| event).collect());
    }
    let (rows, more) = call.store().list_messages(&call.ctx, &filter, page, limit).await?;
    let data = view::of(call.store(), &call.ctx, rows).await?;
    Reply::raw(
        200,
        &json!({ "data": data, "hasMore": more, "pageSize": limit, "page": page }),
    )
}
