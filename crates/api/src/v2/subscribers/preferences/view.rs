//! Preferences in answers.

use campanile_engine::offers::Offered;
use campanile_engine::preferences::{Verdict, decide};
use campanile_model::channel::Severity;
use campanile_model::slug::slug;
use campanile_model::{Channel, Id, Time};
use campanile_store::preferences::Preferences;
use serde_json::Value;

use crate::view;

view! {
    /// All that a subscriber chose, and what comes of it.
    PreferencesResponse {
        global: GlobalPreferenceResponse = "global";
        workflows: Vec<WorkflowPreferenceResponse> = "workflows";
    }
}

view! {
    /// What holds for all workflows.
    GlobalPreferenceResponse {
        enabled: bool = "enabled";
        channels: PreferenceChannels = "channels";
        schedule: Option<Value> = "schedule";
    }
}

view! {
    /// What holds for one workflow.
    WorkflowPreferenceResponse {
        enabled: bool = "enabled";
        channels: PreferenceChannels = "channels";
        /// The channels that are not on by default, or not as the workflow has them, with whose choice that is.
        overrides: Vec<PreferenceOverride> = "overrides";
        workflow: PreferenceWorkflow = "workflow";
        /// When the subscriber last chose for this workflow, if ever.
        updated_at: Option<Time> = "updatedAt";
    }
}

view! {
    /// On or off for each channel that there is.
    PreferenceChannels {
        email: Option<bool> = "email";
        sms: Option<bool> = "sms";
        in_app: Option<bool> = "in_app";
        chat: Option<bool> = "chat";
        push: Option<bool> = "push";
    }
}

view! {
    /// Whose choice a channel is.
    PreferenceOverride {
        channel: Channel = "channel";
        /// `subscriber` or `template`.
        source: &'static str = "source";
    }
}

view! {
    /// The workflow that a preference is for.
    PreferenceWorkflow {
        slug: String = "slug";
        identifier: String = "identifier";
        name: String = "name";
        updated_at: Time = "updatedAt";
    }
}

view! {
    /// One preference, by its level.
    LevelPreferenceResponse {
        /// `global` or `template`.
        level: &'static str = "level";
        enabled: bool = "enabled";
        channels: PreferenceChannels = "channels";
        overrides: Option<Vec<PreferenceOverride>> = "overrides";
        workflow: Option<LevelWorkflow> = "workflow";
        schedule: Option<Value> = "schedule";
    }
}

view! {
    /// The workflow of a preference, as clients group by it.
    LevelWorkflow {
        id: Id = "id";
        identifier: String = "identifier";
        name: String = "name";
        critical: bool = "critical";
        tags: Vec<String> = "tags";
        severity: Severity = "severity";
    }
}

/// The whole answer, with these of the active workflows.
pub(super) fn whole(
    preferences: &Preferences,
    offered: &[Offered],
    shows: impl Fn(&Offered) -> bool,
) -> PreferencesResponse {
    let used = |channel: &Channel| offered.iter().any(|workflow| workflow.channels.contains(channel));
    let used: Vec<Channel> = Channel::ALL.iter().copied().filter(used).collect();
    PreferencesResponse {
        global: GlobalPreferenceResponse {
            enabled: true,
            channels: global_channels(preferences, &used),
            schedule: schedule(preferences),
        },
        workflows: offered
            .iter()
            .filter(|workflow| shows(workflow))
            .map(|workflow| listed(preferences, workflow))
            .collect(),
    }
}

fn listed(preferences: &Preferences, workflow: &Offered) -> WorkflowPreferenceResponse {
    WorkflowPreferenceResponse {
        enabled: true,
        channels: channels(preferences, workflow),
        overrides: overrides(preferences, workflow),
        workflow: PreferenceWorkflow {
            slug: slug(&workflow.name, "wf", workflow.id),
            identifier: workflow.identifier.clone(),
            name: workflow.name.clone(),
            updated_at: workflow.updated_at,
        },
        updated_at: preferences.workflows.get(&workflow.id).map(|row| row.updated_at),
    }
}

/// What holds for all workflows, as webhooks are told of it.
pub(super) fn of_all(preferences: &Preferences) -> LevelPreferenceResponse {
    LevelPreferenceResponse {
        level: "global",
        enabled: true,
        channels: global_channels(preferences, Channel::ALL),
        overrides: None,
        workflow: None,
        schedule: schedule(preferences),
    }
}

/// What holds for one workflow.
pub(super) fn of_workflow(preferences: &Preferences, workflow: &Offered) -> LevelPreferenceResponse {
    LevelPreferenceResponse {
        level: "template",
        enabled: true,
        channels: channels(preferences, workflow),
        overrides: Some(overrides(preferences, workflow)),
        workflow: Some(LevelWorkflow {
            id: workflow.id,
            identifier: workflow.identifier.clone(),
            name: workflow.name.clone(),
            critical: workflow.offer.is_critical(),
            tags: workflow.tags.clone(),
            severity: workflow.severity,
        }),
        schedule: None,
    }
}

fn schedule(preferences: &Preferences) -> Option<Value> {
    preferences.global.as_ref().and_then(|row| row.schedule.clone())
}

fn verdict(preferences: &Preferences, workflow: &Offered, channel: Channel) -> Verdict {
    let global = preferences.global.as_ref().map(|row| &row.channels);
    let own = preferences.workflows.get(&workflow.id).map(|row| &row.channels);
    decide(&workflow.offer, global, own, channel)
}

fn shown(on: impl Fn(Channel) -> Option<bool>) -> PreferenceChannels {
    PreferenceChannels {
        email: on(Channel::Email),
        sms: on(Channel::Sms),
        in_app: on(Channel::InApp),
        chat: on(Channel::Chat),
        push: on(Channel::Push),
    }
}

fn channels(preferences: &Preferences, workflow: &Offered) -> PreferenceChannels {
    let sends = |channel: Channel| workflow.channels.contains(&channel);
    shown(|channel| sends(channel).then(|| verdict(preferences, workflow, channel).on))
}

fn global_channels(preferences: &Preferences, used: &[Channel]) -> PreferenceChannels {
    let chosen = |channel| preferences.global.as_ref().and_then(|row| row.channels.get(channel));
    shown(|channel| used.contains(&channel).then(|| chosen(channel).unwrap_or(true)))
}

/// The channels that are not as they are by default: the workflow's word, or the subscriber's where it differs from it.
fn overrides(preferences: &Preferences, workflow: &Offered) -> Vec<PreferenceOverride> {
    let named = workflow.channels.iter().filter_map(|&channel| {
        let (offered, on) = (
            workflow.offer.is_on(channel),
            verdict(preferences, workflow, channel).on,
        );
        let source = match (offered, on) {
            (true, true) => return None,
            (false, false) => "template",
            _ => "subscriber",
        };
        Some(PreferenceOverride { channel, source })
    });
    named.collect()
}
