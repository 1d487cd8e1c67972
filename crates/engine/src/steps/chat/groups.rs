//! Which messages and deliveries a rendered text becomes (channels.md 5.1 to 5.3). Values in, values out.

use campanile_model::Id;
use campanile_model::channel::{Channel, TraceSource, TraceStatus};
use campanile_model::texts::Detail;
use campanile_providers::chat::Address;
use campanile_store::integrations::Integration;
use campanile_store::messages::Head;
use campanile_store::traces::NewTrace;
use serde_json::{Map, Value, json};

use crate::run::messages::{Group, Planned};
use crate::steps::{choice, overrides};

/// Providers that reach a subscriber by the phone number of their profile alone.
const PHONE_PROVIDERS: [&str; 2] = ["whatsapp-business", "sendblue"];

/// An endpoint as the step sees it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) id: Id,
    pub(crate) identifier: String,
    pub(crate) integration_id: Id,
    pub(crate) kind: String,
}

/// A legacy channel of the subscriber as the step sees it.
#[derive(Clone, Debug)]
pub(crate) struct Legacy {
    pub(crate) integration_id: Id,
    pub(crate) provider_id: String,
    pub(crate) credentials: Map<String, Value>,
}

/// What the step works with.
pub(crate) struct Input<'a> {
    pub(crate) step_id: &'a str,
    pub(crate) targets: &'a [Target],
    pub(crate) legacy: &'a [Legacy],
    /// The phone number of the subscriber's profile.
    pub(crate) phone: Option<&'a str>,
    pub(crate) integrations: &'a [Integration],
    pub(crate) overrides: &'a Value,
    pub(crate) payload: &'a Value,
    /// What the conditions of integrations see.
    pub(crate) data: &'a Value,
    pub(crate) has_contexts: bool,
}

/// What the step makes.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) groups: Vec<Group>,
    pub(crate) traces: Vec<NewTrace>,
}

/// Plans the messages.
pub(crate) fn plan(input: &Input<'_>) -> Output {
    let mut output = Output::default();
    let by_phone = by_phone(input);
    if input.targets.is_empty() && input.legacy.is_empty() && by_phone.is_empty() {
        let detail = if input.has_contexts {
            Detail::SubscriberNoChannelInContext
        } else {
            Detail::SubscriberNoChannel
        };
        output.traces.push(NewTrace::new(detail, TraceStatus::Warning));
        return output;
    }
    let mut seen: Vec<Id> = Vec::new();
    for target in input.targets {
        if seen.contains(&target.integration_id) {
            continue;
        }
        seen.push(target.integration_id);
        let Some(integration) = usable(input.integrations, target.integration_id) else {
            output.traces.push(no_integration(target.integration_id));
            continue;
        };
        if let Err(trace) = choice::met(integration, input.data) {
            output.traces.push(trace);
            continue;
        }
        let provider = overrides::of_provider(input.overrides, input.step_id, &integration.provider_id);
        let group: Vec<&Target> = input
            .targets
            .iter()
            .filter(|other| other.integration_id == target.integration_id)
            .collect();
        let deliveries = group
            .iter()
            .map(|target| to_endpoint(target, &provider, &mut output.traces))
            .collect();
        let names: Vec<&str> = group.iter().map(|target| target.identifier.as_str()).collect();
        output.groups.push(Group {
            integration_id: integration.id,
            provider_id: integration.provider_id.clone(),
            head: Head::default(),
            overrides: sent_overrides(input, &integration.provider_id, provider.clone(), &names),
            deliveries,
        });
    }
    for legacy in input.legacy.iter().chain(&by_phone) {
        plan_legacy(input, legacy, &mut output);
    }
    output
}

/// A channel for each phone provider that is set up and that the subscriber has no channel of yet.
fn by_phone(input: &Input<'_>) -> Vec<Legacy> {
    let Some(phone) = input.phone.map(str::trim).filter(|phone| !phone.is_empty()) else {
        return Vec::new();
    };
    let provider_of = |target: &Target| {
        let integration = input.integrations.iter().find(|one| one.id == target.integration_id);
        integration.map(|integration| integration.provider_id.as_str())
    };
    PHONE_PROVIDERS
        .into_iter()
        .filter(|id| input.legacy.iter().all(|legacy| legacy.provider_id != *id))
        .filter(|id| input.targets.iter().all(|target| provider_of(target) != Some(id)))
        .filter_map(|id| {
            // The newest, as where a trigger names a provider only.
            let found = input
                .integrations
                .iter()
                .rfind(|one| one.provider_id == id && one.active)?;
            Some(Legacy {
                integration_id: found.id,
                provider_id: id.to_owned(),
                credentials: Map::from_iter([("phoneNumber".to_owned(), Value::from(phone))]),
            })
        })
        .collect()
}

fn usable(integrations: &[Integration], id: Id) -> Option<&Integration> {
    integrations
        .iter()
        .find(|integration| integration.id == id && integration.active && integration.channel == Some(Channel::Chat))
}

fn no_integration(id: Id) -> NewTrace {
    let mut trace = NewTrace::new(Detail::NoActiveIntegration, TraceStatus::Failed)
        .raw(json!({ "integrationId": id, "reason": "Integration is either deleted or not active" }));
    trace.source = TraceSource::Credentials;
    trace
}

fn to_endpoint(target: &Target, provider: &Value, traces: &mut Vec<NewTrace>) -> Planned {
    let given = provider.get(&target.identifier).and_then(|own| own.get("endpoint"));
    let address = given.filter(|address| Address::parse(&target.kind, address).is_some());
    if given.is_some() && address.is_none() {
        traces.push(
            NewTrace::new(Detail::OverrideIgnored, TraceStatus::Warning)
                .raw(json!({ "endpoint": target.identifier, "type": target.kind })),
        );
    }
    Planned {
        endpoint: Some(target.id),
        address: address.map(|address| json!({ "type": target.kind, "endpoint": address })),
        shown: json!({ "type": target.kind, "identifier": target.identifier, "overridden": address.is_some() }),
        lane: format!("deliver:{}:{}", target.integration_id, target.id),
    }
}

fn plan_legacy(input: &Input<'_>, legacy: &Legacy, output: &mut Output) {
    let Some(integration) = usable(input.integrations, legacy.integration_id) else {
        output.traces.push(no_integration(legacy.integration_id));
        return;
    };
    if let Err(trace) = choice::met(integration, input.data) {
        output.traces.push(trace);
        return;
    }
    let provider = overrides::of_provider(input.overrides, input.step_id, &legacy.provider_id);
    let text = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let custom = overrides::of_channel(input.overrides, "chat", &legacy.provider_id);
    // The most specific address wins: the trigger's override, then its payload, then what is stored.
    let url = text(provider.get("webhookUrl"))
        .or_else(|| text(custom.get("webhookUrl")))
        .or_else(|| text(input.payload.get("webhookUrl")))
        .or_else(|| text(legacy.credentials.get("webhookUrl")))
        // A webhook for another provider says nothing to one that knows numbers only.
        .filter(|_| !PHONE_PROVIDERS.contains(&legacy.provider_id.as_str()));
    let address = match url {
        Some(url) => {
            let mut endpoint = json!({ "url": url });
            if let Some(channel) = text(legacy.credentials.get("channel")) {
                endpoint["channel"] = channel.into();
            }
            json!({ "type": "webhook", "endpoint": endpoint })
        }
        None => {
            if let Some(phone) = text(legacy.credentials.get("phoneNumber")) {
                json!({ "type": "phone", "endpoint": { "phoneNumber": phone } })
            } else {
                let detail = if legacy.provider_id == "whatsapp-business" {
                    Detail::PhoneMissing
                } else {
                    Detail::WebhookUrlMissing
                };
                output
                    .traces
                    .push(NewTrace::new(detail, TraceStatus::Failed).provider(&legacy.provider_id));
                return;
            }
        }
    };
    let shown = json!({ "type": address["type"], "integrationIdentifier": integration.identifier, "legacy": true });
    output.groups.push(Group {
        integration_id: integration.id,
        provider_id: integration.provider_id.clone(),
        head: Head::default(),
        overrides: sent_overrides(input, &legacy.provider_id, provider, &[]),
        deliveries: vec![Planned {
            endpoint: None,
            address: Some(address),
            shown,
            lane: format!("deliver:{}", integration.id),
        }],
    });
}

/// What goes to the provider: members that are named after endpoints are for us.
fn sent_overrides(input: &Input<'_>, provider_id: &str, mut provider: Value, endpoints: &[&str]) -> Value {
    if let Value::Object(members) = &mut provider {
        for name in endpoints {
            members.remove(*name);
        }
    }
    overrides::kept(&provider, &overrides::of_channel(input.overrides, "chat", provider_id))
}
