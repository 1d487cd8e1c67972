//! The push step: one message for each provider that the subscriber has devices at, one delivery for each device.

use campanile_model::Channel;
use campanile_model::channel::{JobReason, JobStatus, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::StoreError;
use campanile_store::integrations::Integration;
use campanile_store::messages::Head;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

use super::chat::Legacy;
use super::{Next, choice, overrides};
use crate::run::messages::{self, Group, Planned};
use crate::run::{Run, Turn};

/// Runs the step.
pub(crate) fn run(run: &mut Run<'_>, turn: &mut Turn<'_>) -> Result<Next, StoreError> {
    run.tell(turn.job, NewTrace::new(Detail::StepQueued, TraceStatus::Queued));
    let Some(controls) = run.controls(turn) else {
        return Ok(Next::Go);
    };
    let view = run.view;
    let title = controls["subject"].as_str().unwrap_or_default();
    let output = plan(&Input {
        step_id: &turn.job.step_id,
        title,
        channels: view.legacy,
        integrations: &view.integrations.all,
        overrides: view.overrides,
        data: &run.data,
    });
    let by_conditions = output
        .traces
        .iter()
        .any(|trace| trace.detail == Detail::IntegrationConditionsNotMet);
    for trace in output.traces {
        run.tell(turn.job, trace);
    }
    if output.groups.is_empty() {
        turn.job.status = JobStatus::Canceled;
        turn.job.reason = (!by_conditions).then_some(JobReason::MissingPushToken);
        return Ok(Next::Go);
    }
    messages::queue(run, turn, Channel::Push, output.groups, &super::text(&controls))?;
    Ok(Next::Wait)
}

struct Input<'a> {
    step_id: &'a str,
    title: &'a str,
    channels: &'a [Legacy],
    integrations: &'a [Integration],
    overrides: &'a Value,
    /// What the conditions of integrations see.
    data: &'a Value,
}

#[derive(Default)]
struct Output {
    groups: Vec<Group>,
    traces: Vec<NewTrace>,
}

fn plan(input: &Input<'_>) -> Output {
    let mut output = Output::default();
    let named = input.overrides["push"]["integrationIdentifier"].as_str();
    let integration_of = |channel: &Legacy| {
        input
            .integrations
            .iter()
            .find(|one| one.id == channel.integration_id && one.channel == Some(Channel::Push) && one.active)
    };
    let mut is_known = false;
    for channel in input.channels {
        let Some(integration) = integration_of(channel) else {
            continue;
        };
        is_known = true;
        if named.is_some_and(|named| named != integration.identifier) {
            continue;
        }
        // What is named is used whatever its conditions say.
        if named.is_none()
            && let Err(trace) = choice::met(integration, input.data)
        {
            output.traces.push(trace);
            continue;
        }
        let custom = overrides::of_channel(input.overrides, "push", &integration.provider_id);
        let tokens = tokens(
            custom
                .get("deviceTokens")
                .or_else(|| channel.credentials.get("deviceTokens")),
        );
        if tokens.is_empty() {
            output.traces.push(
                NewTrace::new(Detail::PushTokensMissing, TraceStatus::Warning).provider(&integration.provider_id),
            );
            continue;
        }
        output.groups.push(group(input, integration, &tokens, &custom));
    }
    if output.groups.is_empty() && output.traces.is_empty() {
        output.traces.push(match named {
            Some(_) if is_known => choice::missing(Channel::Push, named),
            _ => NewTrace::new(Detail::SubscriberNoChannel, TraceStatus::Warning),
        });
    }
    output
}

fn group(input: &Input<'_>, integration: &Integration, tokens: &[String], custom: &Value) -> Group {
    let deliveries = tokens.iter().map(|token| Planned {
        endpoint: None,
        address: Some(json!({ "type": "push", "endpoint": { "deviceToken": token } })),
        shown: json!({ "type": "push", "endpoint": { "deviceToken": masked(token) } }),
        lane: format!("deliver:{}", integration.id),
    });
    Group {
        integration_id: integration.id,
        provider_id: integration.provider_id.clone(),
        deliveries: deliveries.collect(),
        head: Head {
            subject: (!input.title.is_empty()).then(|| input.title.to_owned()),
            device_tokens: tokens.iter().map(|token| masked(token)).collect(),
            ..Head::default()
        },
        overrides: overrides::kept(
            &overrides::of_provider(input.overrides, input.step_id, &integration.provider_id),
            custom,
        ),
    }
}

/// The tokens of a list, each once.
fn tokens(value: Option<&Value>) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for token in value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !token.is_empty() && !tokens.iter().any(|known| known == token) {
            tokens.push(token.to_owned());
        }
    }
    tokens
}

/// A token opens somebody's phone to everybody: its end is enough to tell it from others.
fn masked(token: &str) -> String {
    let count = token.chars().count();
    if count <= 8 {
        return "…".to_owned();
    }
    let end: String = token.chars().skip(count - 4).collect();
    format!("…{end}")
}
