//! What a subscriber wants of a channel now: their preferences and their schedule in one answer. Values in, values out.
//!
//! It is asked when a step runs and again before each attempt of a delivery, never when an event is accepted: what was
//! chosen in the meantime counts.

use campanile_model::{Channel, StepType, Time};
use campanile_store::preferences::Preference;
use serde_json::Value;

use crate::preferences::{Offer, Voice, decide};
use crate::schedule::{Schedule, is_open, next_opening};

/// What a subscriber chose, as far as one workflow goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chosen<'a> {
    /// For all workflows.
    pub(crate) global: Option<&'a Preference>,
    /// For this one.
    pub(crate) workflow: Option<&'a Preference>,
    /// Where the subscriber's clock hangs.
    pub(crate) timezone: Option<&'a str>,
}

impl<'a> Chosen<'a> {
    /// The schedule, as the API has it.
    pub(crate) fn schedule(&self) -> Option<&'a Value> {
        self.global?.schedule.as_ref()
    }
}

/// Who turned a channel off, if somebody did.
pub(crate) fn refused_by(offer: &Offer, chosen: &Chosen<'_>, channel: Channel) -> Option<Voice> {
    let channels = |row: Option<&'_ Preference>| row.map(|row| row.channels);
    let (global, workflow) = (channels(chosen.global), channels(chosen.workflow));
    let verdict = decide(offer, global.as_ref(), workflow.as_ref(), channel);
    verdict.by.filter(|_| !verdict.on)
}

/// Whether a step of this type waits for nobody's hours: what arrives silently, what only waits, and what is critical.
fn ignores_hours(offer: &Offer, kind: StepType) -> bool {
    offer.is_critical()
        || matches!(
            kind,
            StepType::InApp | StepType::Trigger | StepType::Delay | StepType::Digest
        )
}

/// Whether it is a time at which a step of this type may run.
pub(crate) fn is_in_time(offer: &Offer, chosen: &Chosen<'_>, kind: StepType, now: Time) -> bool {
    let Some(schedule) = chosen.schedule().filter(|_| !ignores_hours(offer, kind)) else {
        return true;
    };
    is_open(&Schedule::parse(schedule), chosen.timezone, now)
}

/// The next time at which the schedule is open, when it is closed now; nothing when it is open, or never is.
pub(crate) fn opening(offer: &Offer, chosen: &Chosen<'_>, now: Time) -> Option<Time> {
    let schedule = chosen.schedule().filter(|_| !offer.is_critical())?;
    next_opening(&Schedule::parse(schedule), chosen.timezone, now).filter(|at| *at > now)
}

/// What is to become of a message that is ready to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is sent.
    Send,
    /// It is not sent any more.
    Never(Voice),
    /// It waits for the schedule to open; nothing when it never does.
    Later(Option<Time>),
}

/// Asks for a message that is ready to be sent.
pub(crate) fn of(offer: &Offer, chosen: &Chosen<'_>, channel: Channel, now: Time) -> Wish {
    if let Some(voice) = refused_by(offer, chosen, channel) {
        return Wish::Never(voice);
    }
    let schedule = chosen
        .schedule()
        .filter(|_| channel != Channel::InApp && !offer.is_critical())
        .map(Schedule::parse);
    match schedule {
        Some(schedule) if !is_open(&schedule, chosen.timezone, now) => {
            Wish::Later(next_opening(&schedule, chosen.timezone, now))
        }
        _ => Wish::Send,
    }
}

#[cfg(test)]
mod tests {
    use campanile_model::Id;
    use campanile_model::choices::Choices;
    use serde_json::json;

    use super::*;

    fn row(channels: Choices, schedule: Option<Value>) -> Preference {
        Preference {
            subscriber: Id::from_bytes([1; 12]),
            contexts: String::new(),
            workflow: None,
            channels,
            schedule,
            updated_at: Time::default(),
        }
    }

    #[test]
    fn a_message_is_sent_later_or_not_at_all() {
        let hours = json!({ "isEnabled": true, "weeklySchedule": {
            "tuesday": { "isEnabled": true, "hours": [{ "start": "09:00 AM", "end": "05:00 PM" }] },
        } });
        let (night, noon) = (
            Time::parse("2026-11-24T03:00:00Z").unwrap(),
            Time::parse("2026-11-24T12:00:00Z").unwrap(),
        );
        let nine = Time::parse("2026-11-24T09:00:00Z").unwrap();
        let email_off = Choices::from_iter([(Channel::Email, false)]);
        let scheduled = row(email_off, Some(hours));
        let chosen = Chosen {
            global: Some(&scheduled),
            ..Chosen::default()
        };
        let (open, critical) = (
            Offer::default(),
            Offer::parse(&json!({ "all": { "readOnly": true } }), None),
        );
        for (offer, channel, now, wish) in [
            (&open, Channel::Chat, noon, Wish::Send),
            (&open, Channel::Chat, night, Wish::Later(Some(nine))),
            (&open, Channel::InApp, night, Wish::Send),
            (&open, Channel::Email, night, Wish::Never(Voice::Global)),
            (&critical, Channel::Email, night, Wish::Send),
        ] {
            assert_eq!(of(offer, &chosen, channel, now), wish, "{channel}");
        }
        assert_eq!(of(&open, &Chosen::default(), Channel::Email, night), Wish::Send);
        for (kind, in_time) in [
            (StepType::Sms, false),
            (StepType::HttpRequest, false),
            (StepType::Throttle, false),
            (StepType::InApp, true),
            (StepType::Digest, true),
            (StepType::Delay, true),
        ] {
            assert_eq!(is_in_time(&open, &chosen, kind, night), in_time, "{kind}");
            assert!(is_in_time(&critical, &chosen, kind, night) && is_in_time(&open, &chosen, kind, noon));
        }
    }
}
