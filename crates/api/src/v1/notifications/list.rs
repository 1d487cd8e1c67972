//! `GET /v1/notifications`: newest first, paged by number.

use campanile_model::channel::Severity;
use campanile_model::context::ContextSet;
use campanile_model::slug::Reference;
use campanile_model::{Error, Id, Permission, Result, StepType, Time};
use campanile_store::notifications::{ByTopic, NotificationFilter};
use campanile_store::subscribers::SubscriberFilter;
use serde_json::json;

use super::view;
use crate::call::{Call, Reply};
use crate::paging::{FURTHEST_PAGE, NumberedPage};
use crate::route::{Category, Route};
use crate::shape::{Many, Number, rules};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/notifications", "NotificationsController_listNotifications", "List notifications", run,
    .permit(Permission::NotificationRead, Category::Configuration)
    .takes_query::<ListNotificationsQuery>()
    .answers_raw::<NumberedPage<view::ActivityNotificationResponse>>()
);

dto! {
    /// What to list; all of it must hold.
    ListNotificationsQuery {
        optional page: Number = "page" [rules::at_least(0), rules::at_most(FURTHEST_PAGE)];
        /// At most 50; 10 by default.
        optional limit: Number = "limit" [rules::at_least(1), rules::at_most(50)];
        optional channels: Many<StepType> = "channels";
        /// Ids of workflows.
        optional templates: Many<String> = "templates";
        optional emails: Many<String> = "emails";
        optional subscriber_ids: Many<String> = "subscriberIds";
        optional severity: Many<Severity> = "severity";
        optional search: String = "search";
        /// Through this topic.
        optional topic_key: String = "topicKey";
        /// Through the topic of this subscription, to its subscriber: `_id`, or with `topicKey` the identifier.
        optional subscription_id: String = "subscriptionId";
        /// One or several, also separated by commas.
        optional transaction_id: Many<String> = "transactionId";
        optional context_keys: Many<String> = "contextKeys";
        /// ISO time.
        optional after: String = "after";
        /// ISO time.
        optional before: String = "before";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let query: ListNotificationsQuery = call.query()?;
    let page = query.page.map_or(0, |page| u32::try_from(page.0).unwrap_or(0));
    let limit = query.limit.map_or(10, |limit| u32::try_from(limit.0).unwrap_or(10));
    let filter = filter(&call, query).await?;
    let (rows, more) = call.store().list_notifications(&call.ctx, &filter, page, limit).await?;
    let data = view::of(call.store(), &call.ctx, rows).await?;
    Reply::raw(
        200,
        &json!({ "data": data, "hasMore": more, "pageSize": limit, "page": page }),
    )
}

async fn filter(call: &Call, query: ListNotificationsQuery) -> Result<NotificationFilter> {
    let (store, ctx) = (call.store(), &call.ctx);
    let words = |many: Option<Many<String>>| -> Vec<String> {
        many.map_or_else(Vec::new, |many| {
            many.0.into_iter().filter(|word| !word.is_empty()).collect()
        })
    };
    let mut filter = NotificationFilter {
        channels: query.channels.map_or_else(Vec::new, |many| {
            many.0.iter().map(|kind| kind.wire().to_owned()).collect()
        }),
        severities: query.severity.map_or_else(Vec::new, |many| {
            many.0.iter().map(|one| one.wire().to_owned()).collect()
        }),
        after: time(query.after.as_deref(), "after")?,
        before: time(query.before.as_deref(), "before")?,
        ..NotificationFilter::default()
    };
    for reference in words(query.templates) {
        let id = match Reference::parse(&reference, "wf") {
            Reference::Id(id) => Some(id),
            Reference::Identifier(name) => store.workflow_named(ctx, &name).await?.map(|workflow| workflow.id),
        };
        // A workflow that is not there matches nothing, rather than everything.
        filter.workflows.push(id.unwrap_or(Id::from_bytes([0; 12])));
    }
    let names = words(query.subscriber_ids);
    let emails = words(query.emails);
    if !names.is_empty() || !emails.is_empty() {
        let mut ids: Vec<Id> = Vec::new();
        if !names.is_empty() {
            ids.extend(store.subscribers_named(ctx, names).await?.into_iter().map(|one| one.id));
        }
        for email in emails.into_iter().take(100) {
            let one = SubscriberFilter {
                email: Some(email),
                ..SubscriberFilter::default()
            };
            let cursor = campanile_store::page::Cursor::first(100);
            ids.extend(
                store
                    .list_subscribers(ctx, &one, &cursor)
                    .await?
                    .rows
                    .into_iter()
                    .map(|one| one.id),
            );
        }
        filter.subscribers = Some(ids);
    }
    narrow_to_topic(
        call,
        &mut filter,
        query.topic_key.as_deref(),
        query.subscription_id.as_deref(),
    )
    .await?;
    let mut transactions = words(query.transaction_id);
    if let Some(search) = query.search.filter(|search| !search.is_empty()) {
        transactions.push(search);
    }
    if !transactions.is_empty() {
        let all = transactions
            .iter()
            .flat_map(|ids| ids.split(','))
            .map(|id| id.trim().to_owned())
            .collect();
        let events = store.events_of_transactions(ctx, all).await?;
        filter.events = Some(events.into_iter().map(|(_, event)| event).collect());
    }
    filter.contexts = query.context_keys.map(|keys| ContextSet::new(keys.0));
    Ok(filter)
}

/// A topic or a subscription that is not there matches nothing, rather than everything.
async fn narrow_to_topic(
    call: &Call,
    filter: &mut NotificationFilter,
    key: Option<&str>,
    subscription: Option<&str>,
) -> Result<()> {
    let (store, ctx) = (call.store(), &call.ctx);
    let given = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
    let mut topic = match key.filter(|_| given(key)) {
        Some(key) => store.topic(ctx, key).await?,
        None => None,
    };
    if let Some(reference) = subscription.filter(|_| given(subscription)) {
        let found = match (reference.parse::<Id>(), &topic) {
            (Ok(id), _) => store.subscription_by_id(ctx, id).await?,
            (Err(_), Some(topic)) => store.subscription(ctx, topic.id, reference).await?,
            (Err(_), None) => None,
        };
        let found = found.filter(|found| !given(key) || topic.as_ref().is_some_and(|topic| topic.id == found.topic_id));
        topic = match &found {
            Some(found) => store.topic_by_id(ctx, found.topic_id).await?,
            None => None,
        };
        let whose: Vec<Id> = found.iter().map(|found| found.subscriber_id).collect();
        match &mut filter.subscribers {
            Some(others) => others.retain(|one| whose.contains(one)),
            None => filter.subscribers = Some(whose),
        }
    }
    filter.topic = topic.map(|topic| ByTopic {
        id: topic.id,
        key: topic.key,
    });
    if filter.topic.is_none() && (given(key) || given(subscription)) {
        filter.subscribers = Some(Vec::new());
    }
    Ok(())
}

fn time(text: Option<&str>, name: &str) -> Result<Option<Time>> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match Time::parse(text) {
            Some(time) => Ok(Some(time)),
            None => Err(Error::invalid(vec![format!(
                "{name} must be a valid ISO 8601 date string"
            )])),
        },
    }
}
