//! The SMS step: one message to the subscriber's number.

use campanile_model::Channel;
use campanile_model::channel::{JobReason, JobStatus, MessageStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::messages::Head;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use super::{Next, choice, overrides};
use crate::run::messages::{self, Alone, Group, Planned};
use crate::run::{Run, Turn};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let Some(integration) = choice::made(run, turn, Channel::Sms) else {
        return Ok(Next::Go);
    };
    let text = super::text(&controls);
    // The number of the payload comes first; an override replaces it only when it is sent to.
    let payload_phone = view.payload.get("phone").and_then(Value::as_str);
    let phone = [payload_phone, view.subscriber.field("phone")]
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(|phone| !phone.is_empty());
    let Some(phone) = phone else {
        messages::store_alone(
            run,
            turn,
            Alone {
                channel: Channel::Sms,
                integration,
                text,
                head: Head::default(),
                status: MessageStatus::Warning,
                error: Some(("no_subscriber_phone", "Subscriber does not have active phone")),
            },
        )?;
        run.tell(turn.job, NewTrace::new(Detail::SubscriberNoPhone, TraceStatus::Failed));
        turn.job.status = JobStatus::Canceled;
        turn.job.reason = Some(JobReason::MissingPhone);
        return Ok(Next::Go);
    };
    let custom = overrides::of_channel(view.overrides, "sms", &integration.provider_id);
    let to = custom["to"].as_str().filter(|to| !to.is_empty()).unwrap_or(phone);
    let group = Group {
        integration_id: integration.id,
        provider_id: integration.provider_id.clone(),
        head: Head {
            phone: Some(to.to_owned()),
            ..Head::default()
        },
        deliveries: vec![Planned {
            endpoint: None,
            address: Some(json!({ "type": "sms", "endpoint": { "to": to, "from": custom["from"] } })),
            shown: json!({ "type": "sms", "endpoint": { "to": to } }),
            lane: format!("deliver:{}", integration.id),
        }],
        overrides: overrides::kept(
            &overrides::of_provider(view.overrides, &turn.job.step_id, &integration.provider_id),
            &custom,
        ),
    };
    messages::queue(run, turn, Channel::Sms, vec![group], &text)?;
    Ok(Next::Wait)
}
