//! A subscriber's schedule: when messages may arrive (engine.md e.9). Values in, values out.
//!
//! Everything is decided in the subscriber's civil time, so that a day of 23 or 25 hours has the opening hours that a
//! clock on the wall shows: an hour that is skipped is never open, one that comes twice is open twice.

use campanile_model::Time;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// The days as the API names them, in the order of [`Weekday::to_monday_zero_offset`].
pub const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// How far ahead an opening is looked for: two weeks, because the only hour of a week may be the one that a change of
/// the clocks leaves out.
const AHEAD_DAYS: i32 = 14;
const DAY_MINUTES: u16 = 24 * 60;

/// From one minute of the day to another, both of them open. One that ends before it begins goes on past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u16,
    end: u16,
}

impl Range {
    fn is_overnight(self) -> bool {
        self.end < self.start
    }

    /// Whether a minute of the day on which the range begins is in it.
    fn holds(self, minute: u16) -> bool {
        minute >= self.start && (self.is_overnight() || minute <= self.end)
    }

    /// Whether a minute of the day after that is in it.
    fn holds_next_day(self, minute: u16) -> bool {
        self.is_overnight() && minute <= self.end
    }
}

/// When messages may arrive.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The opening hours of each day of the week; nothing when every time is open.
    week: Option<[Vec<Range>; 7]>,
}

impl Schedule {
    /// Reads `{isEnabled, weeklySchedule?: {<day>: {isEnabled, hours?: [{start, end}]}}}`. One that is not enabled, or
    /// has no week, restricts nothing; a day that is absent, not enabled or without hours is closed.
    pub fn parse(value: &Value) -> Self {
        let enabled = |value: &Value| value.get("isEnabled").and_then(Value::as_bool) == Some(true);
        let week = value.get("weeklySchedule").filter(|week| week.is_object());
        let Some(week) = week.filter(|_| enabled(value)) else {
            return Self::default();
        };
        let hours = |day: &str| {
            let day = week.get(day).filter(|day| enabled(day));
            let hours = day.and_then(|day| day.get("hours")).and_then(Value::as_array);
            hours.into_iter().flatten().filter_map(range).collect()
        };
        Self {
            week: Some(DAYS.map(hours)),
        }
    }

    /// Whether there is a time at which messages may not arrive.
    pub fn restricts(&self) -> bool {
        self.week.is_some()
    }

    fn ranges(&self, weekday: Weekday) -> &[Range] {
        let day = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default();
        self.week
            .as_ref()
            .and_then(|week| week.get(day))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn is_open_at(&self, local: DateTime) -> bool {
        let minute = minute_of(local);
        self.week.is_none()
            || self.ranges(local.weekday()).iter().any(|range| range.holds(minute))
            || self
                .ranges(local.weekday().previous())
                .iter()
                .any(|range| range.holds_next_day(minute))
    }
}

fn range(value: &Value) -> Option<Range> {
    let bound = |name: &str| value.get(name).and_then(Value::as_str).and_then(minute);
    Some(Range {
        start: bound("start")?,
        end: bound("end")?,
    })
}

fn minute_of(local: DateTime) -> u16 {
    u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute())).unwrap_or_default()
}

/// The minute of the day that `09:00 AM` names: two digits, a colon, two digits, a blank, `AM` or `PM`.
pub fn minute(text: &str) -> Option<u16> {
    let (clock, half) = text.split_once(' ')?;
    let (hour, minute) = clock.split_once(':')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let hour = number(hour).filter(|hour| (1..=12).contains(hour))? % 12;
    let minute = number(minute).filter(|minute| *minute < 60)?;
    let half = match half {
        "AM" => 0,
        "PM" => DAY_MINUTES / 2,
        _ => return None,
    };
    Some(half + hour * 60 + minute)
}

/// The zone that a subscriber lives in; UTC where none is set, or one that nobody knows: triggers may bring any text.
pub fn zone(name: Option<&str>) -> TimeZone {
    name.filter(|name| !name.is_empty())
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or(TimeZone::UTC)
}

/// Whether messages may arrive now.
pub fn is_open(schedule: &Schedule, timezone: Option<&str>, now: Time) -> bool {
    !schedule.restricts() || schedule.is_open_at(zone(timezone).to_datetime(now.timestamp()))
}

/// The first time from `now` on at which messages may arrive; nothing when the schedule has no hours at all.
pub fn next_opening(schedule: &Schedule, timezone: Option<&str>, now: Time) -> Option<Time> {
    if is_open(schedule, timezone, now) {
        return Some(now);
    }
    let zone = zone(timezone);
    let now = now.timestamp();
    let today = zone.to_datetime(now).date();
    let last = today.saturating_add(AHEAD_DAYS.days());
    // A schedule opens where a range begins, or where the clocks are changed into the middle of one.
    let changes = zone
        .following(now)
        .map(|change| change.timestamp())
        .take_while(|at| zone.to_datetime(*at).date() <= last);
    let begins = today
        .series(1.day())
        .take_while(|date| *date <= last)
        .flat_map(|date| beginnings(schedule, &zone, date));
    let opens = changes
        .chain(begins)
        .filter(|at| *at > now && schedule.is_open_at(zone.to_datetime(*at)))
        .min()?;
    Some(Time::from_millis(opens.as_millisecond()))
}

/// When the ranges of a day begin: twice where the clocks are put back.
fn beginnings(schedule: &Schedule, zone: &TimeZone, date: Date) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for range in schedule.ranges(date.weekday()) {
        let begins = date
            .to_datetime(jiff::civil::Time::midnight())
            .saturating_add(i64::from(range.start).minutes());
        let at = zone.to_ambiguous_timestamp(begins);
        found.extend([at.earlier(), at.later()].into_iter().flatten());
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    const VIENNA: Option<&str> = Some("Europe/Vienna");

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    /// A schedule of days with their only hours.
    fn week(days: &[(&str, &str, &str)]) -> Schedule {
        let mut week = Map::new();
        for (day, start, end) in days {
            let hours = json!({ "isEnabled": true, "hours": [{ "start": start, "end": end }] });
            week.insert((*day).to_owned(), hours);
        }
        Schedule::parse(&json!({ "isEnabled": true, "weeklySchedule": week }))
    }

    fn office() -> Schedule {
        let days: Vec<_> = DAYS[..5].iter().map(|day| (*day, "09:00 AM", "05:00 PM")).collect();
        week(&days)
    }

    #[track_caller]
    fn opens(schedule: &Schedule, timezone: Option<&str>, now: &str, expected: &str) {
        let found = next_opening(schedule, timezone, at(now));
        assert_eq!(
            found,
            Some(at(expected)),
            "{now}: {:?}",
            found.map(|time| time.to_string())
        );
    }

    #[test]
    fn times_are_of_twelve_hours() {
        for (text, expected) in [
            ("12:00 AM", Some(0)),
            ("12:30 AM", Some(30)),
            ("09:00 AM", Some(540)),
            ("12:00 PM", Some(720)),
            ("05:01 PM", Some(1021)),
            ("11:59 PM", Some(1439)),
            ("9:00 AM", None),
            ("00:00 AM", None),
            ("13:00 PM", None),
            ("09:60 AM", None),
            ("09:00", None),
            ("09:00 am", None),
            ("+9:00 AM", None),
            ("09:00  AM", None),
            ("", None),
        ] {
            assert_eq!(minute(text), expected, "{text}");
        }
    }

    #[test]
    fn without_a_week_or_not_enabled_every_time_is_open() {
        let hours = json!({ "monday": { "isEnabled": true, "hours": [{ "start": "09:00 AM", "end": "09:01 AM" }] } });
        for value in [
            json!(null),
            json!({}),
            json!({ "isEnabled": true }),
            json!({ "isEnabled": true, "weeklySchedule": null }),
            json!({ "isEnabled": false, "weeklySchedule": hours }),
        ] {
            let schedule = Schedule::parse(&value);
            assert!(!schedule.restricts(), "{value}");
            assert!(is_open(&schedule, None, at("2026-11-24T03:00:00Z")));
        }
    }

    #[test]
    fn both_bounds_are_open_to_the_end_of_their_minute() {
        // A Tuesday in winter: Vienna is an hour ahead.
        for (now, open) in [
            ("2026-11-24T07:59:59.999Z", false),
            ("2026-11-24T08:00:00Z", true),
            ("2026-11-24T16:00:59.999Z", true),
            ("2026-11-24T16:01:00Z", false),
        ] {
            assert_eq!(is_open(&office(), VIENNA, at(now)), open, "{now}");
        }
        assert!(
            is_open(&office(), None, at("2026-11-24T16:01:00Z")),
            "UTC where no zone is set"
        );
        assert!(is_open(&office(), Some("Mars/Olympus"), at("2026-11-24T16:01:00Z")));
    }

    #[test]
    fn the_day_is_the_local_one() {
        let monday = week(&[("monday", "12:00 AM", "11:59 PM")]);
        // Sunday in UTC, Monday in Auckland already; Tuesday in UTC, Monday in Honolulu still.
        assert!(is_open(&monday, Some("Pacific/Auckland"), at("2026-11-22T12:00:00Z")));
        assert!(is_open(&monday, Some("Pacific/Honolulu"), at("2026-11-24T09:59:00Z")));
        assert!(!is_open(&monday, Some("Pacific/Auckland"), at("2026-11-23T11:00:00Z")));
    }

    #[test]
    fn a_day_without_hours_is_closed() {
        let schedule = Schedule::parse(&json!({ "isEnabled": true, "weeklySchedule": {
            "monday": { "isEnabled": true },
            "tuesday": { "isEnabled": false, "hours": [{ "start": "12:00 AM", "end": "11:59 PM" }] },
            "wednesday": { "isEnabled": true, "hours": [] },
        } }));
        for day in 23..=29 {
            assert!(
                !is_open(&schedule, None, at(&format!("2026-11-{day}T12:00:00Z"))),
                "{day}"
            );
        }
        assert_eq!(next_opening(&schedule, None, at("2026-11-24T12:00:00Z")), None);
    }

    #[test]
    fn a_night_goes_on_into_the_next_day() {
        let friday = week(&[("friday", "10:00 PM", "02:00 AM")]);
        for (now, open) in [
            ("2026-11-27T21:59:00Z", false),
            ("2026-11-27T22:00:00Z", true),
            ("2026-11-28T00:00:00Z", true),
            ("2026-11-28T02:00:30Z", true),
            ("2026-11-28T02:01:00Z", false),
            ("2026-11-27T01:00:00Z", false),
        ] {
            assert_eq!(is_open(&friday, None, at(now)), open, "{now}");
        }
        opens(&friday, None, "2026-11-28T02:01:00Z", "2026-12-04T22:00:00Z");
    }

    #[test]
    fn the_next_opening_is_now_later_today_or_on_another_day() {
        opens(
            &office(),
            VIENNA,
            "2026-11-24T12:34:56.789Z",
            "2026-11-24T12:34:56.789Z",
        );
        opens(&office(), VIENNA, "2026-11-24T05:00:00Z", "2026-11-24T08:00:00Z");
        opens(&office(), VIENNA, "2026-11-24T16:01:00Z", "2026-11-25T08:00:00Z");
        // Friday evening: over the weekend.
        opens(&office(), VIENNA, "2026-11-27T18:00:00Z", "2026-11-30T08:00:00Z");
        // The only hour of the week has just passed.
        opens(
            &week(&[("tuesday", "09:00 AM", "10:00 AM")]),
            None,
            "2026-11-24T10:01:00Z",
            "2026-12-01T09:00:00Z",
        );
    }

    #[test]
    fn several_ranges_of_a_day_are_taken_in_order() {
        let schedule = Schedule::parse(&json!({ "isEnabled": true, "weeklySchedule": { "tuesday": {
            "isEnabled": true,
            "hours": [{ "start": "02:00 PM", "end": "05:00 PM" }, { "start": "09:00 AM", "end": "12:00 PM" }],
        } } }));
        opens(&schedule, None, "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z");
        opens(&schedule, None, "2026-11-24T12:01:00Z", "2026-11-24T14:00:00Z");
    }

    #[test]
    fn opening_hours_follow_the_clock_on_the_wall_through_the_year() {
        let sunday = week(&[("sunday", "09:00 AM", "10:00 AM")]);
        // 29 March 2026: Vienna goes from +01:00 to +02:00, on 25 October back.
        opens(&sunday, VIENNA, "2026-03-21T12:00:00Z", "2026-03-22T08:00:00Z");
        opens(&sunday, VIENNA, "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z");
        opens(&sunday, VIENNA, "2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z");
    }

    #[test]
    fn a_skipped_hour_opens_at_the_change_when_the_range_goes_on_after_it() {
        // On 29 March 2026 at 01:00 UTC the clock jumps from 02:00 to 03:00.
        let goes_on = week(&[("sunday", "02:30 AM", "04:00 AM")]);
        opens(&goes_on, VIENNA, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z");
        assert!(!is_open(&goes_on, VIENNA, at("2026-03-29T00:59:59Z")));
        // A range that lies in the skipped hour does not open at all that week.
        let skipped = week(&[("sunday", "02:10 AM", "02:50 AM")]);
        opens(&skipped, VIENNA, "2026-03-29T00:00:00Z", "2026-04-05T00:10:00Z");
    }

    #[test]
    fn a_doubled_hour_is_open_twice() {
        // On 25 October 2026 at 01:00 UTC the clock goes from 03:00 back to 02:00.
        let inside = week(&[("sunday", "02:30 AM", "02:40 AM")]);
        opens(&inside, VIENNA, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z");
        opens(&inside, VIENNA, "2026-10-25T00:41:00Z", "2026-10-25T01:30:00Z");
        opens(&inside, VIENNA, "2026-10-25T01:41:00Z", "2026-11-01T01:30:00Z");
        // One that ended in the first of the two hours is open again from the change on.
        let ended = week(&[("sunday", "01:00 AM", "02:10 AM")]);
        opens(&ended, VIENNA, "2026-10-25T00:11:00Z", "2026-10-25T01:00:00Z");
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let hour = (0..24u16, 0..60u16).prop_map(|(hour, minute)| hour * 60 + minute);
        let range = (hour.clone(), hour).prop_map(|(start, end)| Range { start, end });
        proptest::array::uniform7(proptest::collection::vec(range, 0..3)).prop_map(|week| Schedule { week: Some(week) })
    }

    proptest! {
        #[test]
        fn the_next_opening_is_the_first_open_minute(
            schedule in any_schedule(),
            zone in proptest::sample::select(&["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"][..]),
            // Around changes of the clocks in all of these zones, besides ordinary days.
            hours in 0i64..24 * 366,
        ) {
            let now = Time::from_millis(at("2026-01-01T00:00:00Z").millis() + hours * 3_600_000);
            let minutes = (0..=7 * 24 * 60).map(|minute| Time::from_millis(now.millis() + minute * 60_000));
            let first = minutes.into_iter().find(|at| is_open(&schedule, Some(zone), *at));
            let found = next_opening(&schedule, Some(zone), now);
            if let Some(first) = first {
                prop_assert_eq!(found, Some(first));
            } else {
                prop_assert!(found.is_none_or(|found| found > now));
            }
        }
    }
}
