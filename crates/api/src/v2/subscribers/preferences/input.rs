//! What callers choose.

use campanile_engine::schedule::minute;
use campanile_model::Channel;
use campanile_model::choices::Choices;
use serde_json::{Map, Value, json};

use crate::dto;
use crate::shape::{Path, Problems, Schemas, Shape};

dto! {
    /// On or off for each channel that is named; the others stay.
    PatchPreferenceChannels {
        optional email: bool = "email";
        optional sms: bool = "sms";
        optional in_app: bool = "in_app";
        optional push: bool = "push";
        optional chat: bool = "chat";
        optional tool: bool = "tool";
    }
}

impl PatchPreferenceChannels {
    pub(super) fn choices(&self) -> Choices {
        let mut choices = Choices::default();
        for (channel, on) in [
            (Channel::Email, self.email),
            (Channel::Sms, self.sms),
            (Channel::InApp, self.in_app),
            (Channel::Push, self.push),
            (Channel::Chat, self.chat),
            (Channel::Tool, self.tool),
        ] {
            choices.set(channel, on);
        }
        choices
    }
}

dto! {
/// When messages may arrive, in the subscriber's time zone.
Schedule {
    required is_enabled: bool = "isEnabled";
    /// Replaced as a whole; kept when it is absent.
    optional weekly_schedule: WeeklySchedule = "weeklySchedule";
}
}

dto! {
    /// The days; one that is absent is closed.
    Week {
        optional monday: Day = "monday";
        optional tuesday: Day = "tuesday";
        optional wednesday: Day = "wednesday";
        optional thursday: Day = "thursday";
        optional friday: Day = "friday";
        optional saturday: Day = "saturday";
        optional sunday: Day = "sunday";
    }
}

dto! {
    /// One day; without hours it is closed.
    Day {
        required is_enabled: bool = "isEnabled";
        optional hours: Vec<TimeRange> = "hours" [few];
    }
}

dto! {
    /// From one minute to another, both open; past midnight when it ends before it begins.
    TimeRange {
        required start: String = "start" [time];
        required end: String = "end" [time];
    }
}

fn time(text: &str) -> Option<String> {
    minute(text)
        .is_none()
        .then(|| "must be in 12-hour format (hh:mm AM/PM), such as 09:00 AM".to_owned())
}

/// More ranges than a day can use are a mistake, and would be read before each send.
fn few(hours: &[TimeRange]) -> Option<String> {
    crate::shape::rules::most(24)(hours)
}

/// A week as it is stored: what was given, in the API's form, without members that mean nothing.
#[derive(Clone, Debug)]
pub(super) struct WeeklySchedule(pub(super) Value);

impl Shape for WeeklySchedule {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let week = Week::read(value, path, problems)?;
        let days = [
            ("monday", week.monday),
            ("tuesday", week.tuesday),
            ("wednesday", week.wednesday),
            ("thursday", week.thursday),
            ("friday", week.friday),
            ("saturday", week.saturday),
            ("sunday", week.sunday),
        ];
        let days: Map<String, Value> = days
            .into_iter()
            .filter_map(|(name, day)| Some((name.to_owned(), stored(day?))))
            .collect();
        Some(Self(Value::Object(days)))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Week::schema(schemas)
    }
}

fn stored(day: Day) -> Value {
    let mut stored = json!({ "isEnabled": day.is_enabled });
    if let Some(hours) = day.hours {
        stored["hours"] = hours
            .into_iter()
            .map(|range| json!({ "start": range.start, "end": range.end }))
            .collect();
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_stored_as_it_was_given() {
        let given = json!({
            "monday": { "isEnabled": true, "hours": [{ "start": "09:00 AM", "end": "05:00 PM" }] },
            "sunday": { "isEnabled": false },
        });
        let mut noisy = given.clone();
        noisy["someday"] = json!({ "isEnabled": true });
        let mut problems = Problems::default();
        let week = WeeklySchedule::read(&noisy, &Path::Root, &mut problems).unwrap();
        assert_eq!(week.0, given);
    }
}
