//! Which integration a channel step sends through (engine.md f.6). Values in, values out.

use campanile_model::Channel;
use campanile_model::channel::{JobStatus, TraceSource, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::integrations::Integration;
use campanile_store::traces::NewTrace;
use serde_json::{Map, Value, json};

use crate::conditions::filters;
use crate::run::{Run, Turn};

/// What a trace shows of conditions and what they read; more is left out, because a trace is written for each recipient.
const LARGEST: usize = 2048;

/// An integration, and what is told of how it was found.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) integration: &'a Integration,
    /// Nothing where no conditions had a say.
    pub(super) trace: Option<NewTrace>,
}

/// Chooses for this step, and tells how; without an integration the job has failed.
pub(super) fn made<'a>(run: &mut Run<'a>, turn: &mut Turn<'_>, channel: Channel) -> Option<&'a Integration> {
    let view = run.view;
    match choose(&view.integrations.all, channel, view.overrides, &run.data) {
        Ok(Choice { integration, trace }) => {
            if let Some(trace) = trace {
                run.tell(turn.job, trace);
            }
            Some(integration)
        }
        Err(trace) => {
            run.tell(turn.job, trace);
            turn.job.status = JobStatus::Failed;
            None
        }
    }
}

/// The integration that the trigger names; else the oldest one whose conditions this data passes; else the channel's
/// primary one. In-app, which has no primary, takes the newest.
pub(super) fn choose<'a>(
    integrations: &'a [Integration],
    channel: Channel,
    overrides: &Value,
    data: &Value,
) -> Result<Choice<'a>, NewTrace> {
    let named = overrides
        .get(channel.wire())
        .and_then(|channel| channel.get("integrationIdentifier"))
        .and_then(Value::as_str);
    let mut usable = integrations
        .iter()
        .filter(|one| one.active && one.channel == Some(channel));
    let alone = |integration| Choice {
        integration,
        trace: None,
    };
    if let Some(name) = named {
        let found = usable.find(|one| one.identifier == name);
        return found.map(alone).ok_or_else(|| missing(channel, named));
    }
    if channel == Channel::InApp {
        return usable.next_back().map(alone).ok_or_else(|| missing(channel, named));
    }
    let mut refused = Vec::new();
    for one in usable.clone().filter(|one| one.is_conditional()) {
        if filters::pass(&one.conditions, data) {
            let trace = NewTrace::new(Detail::IntegrationConditionsMatched, TraceStatus::Success);
            return Ok(Choice {
                integration: one,
                trace: Some(trace.raw(facts(one, data))),
            });
        }
        refused.push(one);
    }
    let told = |mut trace: NewTrace| {
        trace.source = TraceSource::Credentials;
        trace
    };
    let refused = (!refused.is_empty()).then(|| {
        let facts: Vec<Value> = refused.iter().map(|one| facts(one, data)).collect();
        let facts = bounded(
            json!({ "notUsed": facts }),
            || json!({ "notUsed": refused.iter().map(|one| &one.identifier).collect::<Vec<_>>() }),
        );
        told(NewTrace::new(Detail::IntegrationConditionsNotMet, TraceStatus::Success).raw(facts))
    });
    match usable.find(|one| one.primary) {
        Some(integration) => Ok(Choice {
            integration,
            trace: refused,
        }),
        None => match refused {
            None => Err(missing(channel, None)),
            Some(refused) => {
                let mut facts = refused.raw.unwrap_or_default();
                facts["channel"] = json!(channel);
                facts["reason"] =
                    "No integration of the channel is used first, and the conditions of the others are not met".into();
                Err(told(
                    NewTrace::new(Detail::NoActiveIntegration, TraceStatus::Failed).raw(facts),
                ))
            }
        },
    }
}

/// Whether this integration may be used as far as its conditions go, where its subscriber has an address at it; `Err`
/// tells why not.
pub(super) fn met(integration: &Integration, data: &Value) -> Result<(), NewTrace> {
    if filters::pass(&integration.conditions, data) {
        return Ok(());
    }
    let mut trace = NewTrace::new(Detail::IntegrationConditionsNotMet, TraceStatus::Warning)
        .provider(&integration.provider_id)
        .raw(json!({ "notUsed": [facts(integration, data)] }));
    trace.source = TraceSource::Credentials;
    Err(trace)
}

/// The conditions of an integration, and what they read in this data.
fn facts(integration: &Integration, data: &Value) -> Value {
    let name = || json!({ "integrationIdentifier": integration.identifier });
    let mut facts = name();
    facts["conditions"] = integration.conditions.clone();
    facts["variables"] = Value::Object(readings(&integration.conditions, data));
    bounded(facts, name)
}

fn bounded(facts: Value, otherwise: impl FnOnce() -> Value) -> Value {
    if facts.to_string().len() <= LARGEST {
        facts
    } else {
        otherwise()
    }
}

fn readings(conditions: &Value, data: &Value) -> Map<String, Value> {
    let groups = conditions.as_array().into_iter().flatten();
    let children = groups.filter_map(|group| group["children"].as_array()).flatten();
    let paths = children.filter_map(|child| Some((child["on"].as_str()?, child["field"].as_str()?)));
    paths
        .map(|(on, field)| {
            let found = field.split('.').try_fold(&data[on], |data, name| data.get(name));
            (format!("{on}.{field}"), found.cloned().unwrap_or(Value::Null))
        })
        .collect()
}

/// Why nothing can be sent.
pub(super) fn missing(channel: Channel, named: Option<&str>) -> NewTrace {
    let reason = match named {
        Some(_) => "There is no active integration with this identifier in the channel",
        None => "The channel has no active integration that is used first",
    };
    let mut trace = NewTrace::new(Detail::NoActiveIntegration, TraceStatus::Failed)
        .raw(json!({ "channel": channel, "integrationIdentifier": named, "reason": reason }));
    trace.source = TraceSource::Credentials;
    trace
}
