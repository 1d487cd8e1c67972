//! A notification in answers, with everything that explains it; each kind of thing is read in one query for a page.

use std::collections::HashMap;

use campanile_model::channel::{JobStatus, Severity, TraceSource, TraceStatus};
use campanile_model::texts::Detail;
use campanile_model::{Ctx, Id, Result, StepType, Time, texts};
use campanile_providers::catalogue;
use campanile_store::Store;
use campanile_store::notifications::{Job, Notification};
use campanile_store::subscribers::Subscriber;
use campanile_store::traces::Trace;
use campanile_store::workflows::Workflow;
use serde_json::{Value, json};

use crate::view;

view! {
    /// One event for one subscriber.
    ActivityNotificationResponse {
        id: Id = "_id";
        environment_id: Id = "_environmentId";
        organization_id: Id = "_organizationId";
        subscriber_row: Id = "_subscriberId";
        transaction_id: String = "transactionId";
        template_id: Id = "_templateId";
        /// The notification with whose digest this one goes out, when it is another.
        digested_with: Option<Id> = "_digestedNotificationId";
        created_at: Time = "createdAt";
        updated_at: Time = "updatedAt";
        channels: Vec<String> = "channels";
        subscriber: Option<Value> = "subscriber";
        template: Option<Value> = "template";
        jobs: Vec<ActivityJobResponse> = "jobs";
        payload: Value = "payload";
        to: Value = "to";
        tags: Vec<String> = "tags";
        severity: Severity = "severity";
        critical: bool = "critical";
        topics: Vec<Value> = "topics";
        context_keys: Vec<String> = "contextKeys";
    }
}

view! {
    /// One step of a notification.
    ActivityJobResponse {
        id: Id = "_id";
        kind: StepType = "type";
        status: JobStatus = "status";
        /// What became of the step as a whole: `{status, detail?}`.
        lifecycle: Value = "deliveryLifecycleState";
        step: Value = "step";
        payload: Value = "payload";
        overrides: Value = "overrides";
        provider_id: String = "providerId";
        /// How often its wait was extended to the subscriber's schedule; absent when never.
        extensions: Option<i64> = "scheduleExtensionsCount";
        execution_details: Vec<ExecutionDetailResponse> = "executionDetails";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// One line of the story of a step.
    ExecutionDetailResponse {
        id: Id = "_id";
        job_id: Id = "_jobId";
        status: TraceStatus = "status";
        detail: String = "detail";
        is_retry: bool = "isRetry";
        is_test: bool = "isTest";
        provider_id: Option<String> = "providerId";
        raw: Option<String> = "raw";
        source: TraceSource = "source";
        /// The request that caused this.
        request_id: String = "requestId";
        created_at: Time = "createdAt";
    }
}

/// Notifications with all that belongs to them.
pub(super) async fn of(
    store: &Store,
    ctx: &Ctx,
    notifications: Vec<Notification>,
) -> Result<Vec<ActivityNotificationResponse>> {
    let ids: Vec<Id> = notifications.iter().map(|one| one.id).collect();
    let unique = |ids: Vec<Id>| {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let events = store
        .events(ctx, unique(notifications.iter().map(|one| one.event_id).collect()))
        .await?;
    let events: HashMap<Id, _> = events.into_iter().map(|event| (event.id, event)).collect();
    let subscribers = unique(notifications.iter().map(|one| one.subscriber_id).collect());
    let subscribers = store.subscribers_by_id(ctx, subscribers).await?;
    let subscribers: HashMap<Id, Subscriber> = subscribers.into_iter().map(|one| (one.id, one)).collect();
    let workflows = unique(notifications.iter().map(|one| one.workflow_id).collect());
    let workflows = store.workflows_by_id(ctx, workflows).await?;
    let workflows: HashMap<Id, Workflow> = workflows.into_iter().map(|one| (one.id, one)).collect();
    let mut jobs: HashMap<Id, Vec<Job>> = HashMap::new();
    for job in store.jobs_of(ctx, ids.clone()).await? {
        jobs.entry(job.notification_id).or_default().push(job);
    }
    let digested = store.digest_members(ctx, ids.clone()).await?;
    let digested: HashMap<Id, Id> = digested
        .into_iter()
        .filter(|member| member.window.notification_id != member.notification_id)
        .map(|member| (member.notification_id, member.window.notification_id))
        .collect();
    let mut traces: HashMap<Id, Vec<Trace>> = HashMap::new();
    for trace in store.traces_of(ctx, ids).await? {
        traces.entry(trace.notification_id).or_default().push(trace);
    }
    let shown = notifications.into_iter().map(|one| {
        let event = events.get(&one.event_id);
        let json = |text: Option<&str>| {
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_else(|| json!({}))
        };
        let payload: Value = json(event.map(|event| event.payload.as_str()));
        let overrides: Value = campanile_providers::mask_overrides(&json(event.map(|event| event.overrides.as_str())));
        let own_traces = traces.remove(&one.id).unwrap_or_default();
        let subscriber = subscribers.get(&one.subscriber_id);
        let mut to = subscriber.map_or_else(serde_json::Map::new, |subscriber| subscriber.profile.clone());
        to.insert("subscriberId".to_owned(), one.recipient.as_str().into());
        ActivityNotificationResponse {
            id: one.id,
            environment_id: ctx.environment,
            organization_id: ctx.organization,
            subscriber_row: one.subscriber_id,
            transaction_id: one.transaction_id,
            template_id: one.workflow_id,
            digested_with: digested.get(&one.id).copied(),
            created_at: one.created_at,
            updated_at: one.updated_at,
            channels: one.channels,
            subscriber: subscriber.map(short_subscriber),
            template: workflows.get(&one.workflow_id).map(template),
            jobs: jobs
                .remove(&one.id)
                .unwrap_or_default()
                .iter()
                .map(|job| shown_job(job, one.workflow_id, &own_traces, &payload, &overrides))
                .collect(),
            payload,
            to: Value::Object(to),
            tags: one.tags,
            severity: one.severity,
            critical: one.critical,
            topics: one
                .topic
                .map(|topic| json!({ "_topicId": topic.id, "topicKey": topic.key }))
                .into_iter()
                .collect(),
            context_keys: one.contexts.keys().to_vec(),
        }
    });
    Ok(shown.collect())
}

fn short_subscriber(subscriber: &Subscriber) -> Value {
    let mut short = json!({ "_id": subscriber.id, "subscriberId": subscriber.subscriber_id });
    for member in ["firstName", "lastName", "email", "phone"] {
        if let Some(text) = subscriber.field(member) {
            short[member] = text.into();
        }
    }
    short
}

fn template(workflow: &Workflow) -> Value {
    json!({
        "_id": workflow.id,
        "name": workflow.name,
        "origin": workflow.origin,
        "triggers": [{ "type": "event", "identifier": workflow.workflow_id, "variables": [] }],
    })
}

fn shown_job(job: &Job, template: Id, traces: &[Trace], payload: &Value, overrides: &Value) -> ActivityJobResponse {
    let own = traces.iter().filter(|trace| trace.position == job.position);
    // The synthetic job stands for the workflow itself; clients want an id there too.
    let trigger = json!({ "_id": job.id, "_templateId": template, "active": true, "filters": [] });
    let step = json!({
        "_id": job.step["id"],
        "_templateId": template,
        "stepId": job.step_id,
        "name": job.step["name"],
        "active": true,
        "filters": [],
        "template": { "_id": job.step["id"], "type": job.kind },
    });
    ActivityJobResponse {
        id: job.id,
        kind: job.kind,
        status: job.status,
        lifecycle: lifecycle(job, traces),
        step: if job.kind == StepType::Trigger { trigger } else { step },
        payload: payload.clone(),
        overrides: overrides.clone(),
        // The official clients want a provider they know with every job, also where none was involved.
        provider_id: shown_provider(job.provider_id.as_deref(), job.kind).to_owned(),
        extensions: (job.extensions > 0).then_some(job.extensions),
        execution_details: own
            .map(|trace| ExecutionDetailResponse {
                id: trace.id,
                job_id: job.id,
                status: trace.status,
                detail: texts::text(&trace.detail).to_owned(),
                is_retry: trace.is_retry,
                is_test: false,
                provider_id: trace
                    .provider_id
                    .as_deref()
                    .map(|id| shown_provider(Some(id), job.kind).to_owned()),
                raw: trace.raw.clone(),
                source: trace.source,
                request_id: trace.request_id.clone(),
                created_at: trace.created_at,
            })
            .collect(),
        updated_at: job.updated_at,
    }
}

/// The lifecycle in Novu's words (engine.md d.3): a channel step that was passed over is `canceled` and `skipped`.
fn lifecycle(job: &Job, traces: &[Trace]) -> Value {
    let tells = |detail: Detail| {
        traces
            .iter()
            .any(|one| one.position == job.position && one.detail == detail.code())
    };
    match job.status {
        JobStatus::Completed => json!({ "status": "sent" }),
        JobStatus::Failed => json!({ "status": "errored" }),
        JobStatus::Merged => json!({ "status": "merged" }),
        JobStatus::Canceled if tells(Detail::StepCanceledByFailure) => {
            json!({ "status": "canceled", "detail": "execution_stopped" })
        }
        JobStatus::Canceled | JobStatus::Skipped
            if tells(Detail::SubscriberNoChannel) || tells(Detail::SubscriberNoChannelInContext) =>
        {
            json!({ "status": "skipped", "detail": "some_channels_missing_credentials" })
        }
        JobStatus::Canceled | JobStatus::Skipped => json!({ "status": "skipped" }),
        JobStatus::Pending | JobStatus::Queued | JobStatus::Running | JobStatus::Delayed => {
            json!({ "status": "pending" })
        }
    }
}

fn shown_provider(id: Option<&str>, kind: StepType) -> &str {
    use campanile_model::Channel;
    let channel = match kind.channel() {
        Some(Channel::Email) => catalogue::Channel::Email,
        Some(Channel::Sms) => catalogue::Channel::Sms,
        Some(Channel::Chat) => catalogue::Channel::Chat,
        Some(Channel::Push) => catalogue::Channel::Push,
        Some(Channel::Tool) => catalogue::Channel::Tool,
        Some(Channel::InApp) | None => catalogue::Channel::InApp,
    };
    catalogue::listed_for_sdk(id.unwrap_or(""), channel)
}
