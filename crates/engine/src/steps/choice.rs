//! Which integration a channel step sends through (engine.md f.6). Values in, values out.

use campanile_model::Channel;
use campanile_model::channel::{TraceSource, TraceStatus};
use campanile_model::texts::Detail;
use campanile_store::integrations::Integration;
use campanile_store::traces::NewTrace;
use serde_json::{Value, json};

/// The integration that the trigger names, else the channel's primary one; in-app, which has no primary, takes the newest.
pub(super) fn choose<'a>(
    integrations: &'a [Integration],
    channel: Channel,
    overrides: &Value,
) -> Result<&'a Integration, NewTrace> {
    let named = overrides
        .get(channel.wire())
        .and_then(|channel| channel.get("integrationIdentifier"))
        .and_then(Value::as_str);
    let mut usable = integrations
        .iter()
        .filter(|one| one.active && one.channel == Some(channel));
    let found = match named {
        Some(name) => usable.find(|one| one.identifier == name),
        None if channel == Channel::InApp => usable.next_back(),
        None => usable.find(|one| one.primary),
    };
    found.ok_or_else(|| missing(channel, named))
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
