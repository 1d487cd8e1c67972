//! Which channels a subscriber gets a workflow through (engine.md g). Values in, values out.
//!
//! Four voices are heard, each with its own say for each channel: the workflow itself, what was set for it in the
//! dashboard, what the subscriber chose for all workflows, and what they chose for this one. The last one that says
//! something about a channel decides. A workflow that is critical does not ask the subscriber.

use campanile_model::Channel;
use campanile_model::choices::Choices;
use campanile_model::texts::Detail;
use serde_json::Value;

/// Whose choice decides about a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The workflow's own preferences.
    Workflow,
    /// What was set for the workflow in the dashboard.
    User,
    /// What the subscriber chose for all workflows.
    Global,
    /// What the subscriber chose for this workflow.
    Subscriber,
}

impl Voice {
    /// The voice as traces name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workflow => "WORKFLOW_RESOURCE",
            Self::User => "USER_WORKFLOW",
            Self::Global => "SUBSCRIBER_GLOBAL",
            Self::Subscriber => "SUBSCRIBER_WORKFLOW",
        }
    }

    /// What is told when this voice keeps a step from running.
    pub const fn refusal(self) -> Detail {
        match self {
            Self::Workflow => Detail::FilteredByWorkflow,
            Self::User => Detail::FilteredByUser,
            Self::Global => Detail::FilteredByGlobal,
            Self::Subscriber => Detail::FilteredBySubscriber,
        }
    }

    /// Whether it is the subscriber who speaks.
    pub const fn is_subscriber(self) -> bool {
        matches!(self, Self::Global | Self::Subscriber)
    }
}

/// What a workflow says of its channels: its own word, and what was set for it in the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    own: Choices,
    user: Choices,
    critical: bool,
}

impl Offer {
    /// Reads `{all: {enabled, readOnly}, channels: {<channel>: {enabled}}}`, the workflow's own and the dashboard's.
    pub fn parse(own: &Value, user: Option<&Value>) -> Self {
        let read_only = |row: &Value| row["all"]["readOnly"].as_bool() == Some(true);
        Self {
            own: said(own),
            user: user.map(said).unwrap_or_default(),
            critical: read_only(own) || user.is_some_and(read_only),
        }
    }

    /// Whether subscribers have no say.
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    /// Whether a channel is on for those who chose nothing.
    pub fn is_on(&self, channel: Channel) -> bool {
        self.user.get(channel).or(self.own.get(channel)).unwrap_or(true)
    }
}

/// What one row says: a channel's own value, or that of all channels.
fn said(row: &Value) -> Choices {
    let all = row["all"]["enabled"].as_bool();
    let of = |channel: &Channel| Some((*channel, row["channels"][channel.wire()]["enabled"].as_bool().or(all)?));
    Channel::ALL.iter().filter_map(of).collect()
}

/// Whether a channel is on, and whose choice that is; nobody's when it was never said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether messages go through it.
    pub on: bool,
    /// Who decided.
    pub by: Option<Voice>,
}

/// Decides about one channel.
pub fn decide(offer: &Offer, global: Option<&Choices>, subscriber: Option<&Choices>, channel: Channel) -> Verdict {
    let asked = |choices: Option<&Choices>| choices.filter(|_| !offer.critical)?.get(channel);
    let voices = [
        (Voice::Subscriber, asked(subscriber)),
        (Voice::Global, asked(global)),
        (Voice::User, offer.user.get(channel)),
        (Voice::Workflow, offer.own.get(channel)),
    ];
    let decided = voices.into_iter().find_map(|(voice, on)| Some((voice, on?)));
    Verdict {
        on: decided.is_none_or(|(_, on)| on),
        by: decided.map(|(voice, _)| voice),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(on: Option<bool>) -> Choices {
        on.map(|on| (Channel::Email, on)).into_iter().collect()
    }

    fn row(on: Option<bool>) -> Value {
        on.map_or(Value::Null, |on| json!({ "channels": { "email": { "enabled": on } } }))
    }

    #[test]
    fn the_last_voice_that_says_something_decides() {
        use Voice::{Global, Subscriber, User, Workflow};
        let (yes, no) = (Some(true), Some(false));
        for (own, user, global, subscriber, on, by) in [
            (None, None, None, None, true, None),
            (no, None, None, None, false, Some(Workflow)),
            (no, yes, None, None, true, Some(User)),
            (yes, no, None, None, false, Some(User)),
            (yes, yes, no, None, false, Some(Global)),
            (no, no, yes, None, true, Some(Global)),
            (yes, yes, no, yes, true, Some(Subscriber)),
            (yes, yes, yes, no, false, Some(Subscriber)),
            (None, None, None, no, false, Some(Subscriber)),
        ] {
            let offer = Offer::parse(&row(own), Some(&row(user)));
            let verdict = decide(&offer, Some(&chosen(global)), Some(&chosen(subscriber)), Channel::Email);
            assert_eq!(
                verdict,
                Verdict { on, by },
                "{own:?} {user:?} {global:?} {subscriber:?}"
            );
        }
    }

    #[test]
    fn a_channel_that_a_voice_does_not_name_is_left_to_the_others() {
        let offer = Offer::parse(&row(Some(false)), None);
        let global = Choices::from_iter([(Channel::InApp, false)]);
        let verdict = decide(&offer, Some(&global), None, Channel::Email);
        assert_eq!(
            verdict.by,
            Some(Voice::Workflow),
            "the subscriber is not blamed for what the workflow said"
        );
        assert_eq!(
            decide(&offer, Some(&global), None, Channel::InApp).by,
            Some(Voice::Global)
        );
    }

    #[test]
    fn a_critical_workflow_does_not_ask_the_subscriber() {
        let off = Choices::all(false);
        let critical = json!({ "all": { "readOnly": true } });
        for (own, user) in [(critical.clone(), None), (json!({}), Some(critical))] {
            let offer = Offer::parse(&own, user.as_ref());
            assert!(offer.is_critical());
            assert!(decide(&offer, Some(&off), Some(&off), Channel::Email).on);
        }
        let offer = Offer::parse(&json!({ "all": { "readOnly": true, "enabled": false } }), None);
        assert!(
            !decide(&offer, None, Some(&Choices::all(true)), Channel::Email).on,
            "the workflow itself still may"
        );
    }

    #[test]
    fn all_stands_for_the_channels_that_are_not_named_in_the_same_row() {
        let own = json!({ "all": { "enabled": false }, "channels": { "email": { "enabled": true } } });
        let offer = Offer::parse(&own, None);
        assert!(offer.is_on(Channel::Email) && !offer.is_on(Channel::Chat));
        let offer = Offer::parse(&own, Some(&json!({ "all": { "enabled": true } })));
        assert!(
            offer.is_on(Channel::Chat),
            "a later row that speaks of all speaks of each"
        );
        assert!(Offer::parse(&Value::Null, None).is_on(Channel::Push));
    }
}
