//! From the controls of a step that waits to a time. Values in, values out.
//!
//! Durations are exact; occurrences of a cron expression are looked for in the subscriber's civil time. A time that the
//! change of the clocks skips is due at the change, one that comes twice is due once, the first time.

use std::time::Duration;

use campanile_model::Time;
use croner::parser::{CronParser, Year};
use jiff::tz::TimeZone;
use serde_json::Value;

/// What a wait is reckoned from.
pub(crate) struct Moment<'a> {
    pub(crate) now: Time,
    pub(crate) zone: &'a TimeZone,
    /// What templates see: where keys are looked up.
    pub(crate) data: &'a Value,
}

/// How a digest collects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collecting {
    /// When a window that is opened now closes.
    pub(crate) due: Time,
    /// The first event within this time goes on at once.
    pub(crate) look_back: Option<Duration>,
}

/// How a throttle counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// This many until then, when counting begins now.
    Until(Time, i64),
    /// The time that was named is over.
    Past,
    /// There is no window to count in.
    Nothing,
}

/// What tells events apart whose payload has nothing at the digest's key.
const NO_VALUE: &str = "No-Value-Provided";
/// A value longer than this stands for itself by its hash.
const LONGEST_VALUE: usize = 200;
const DAY: u32 = 24 * 60 * 60;

fn seconds(unit: &str) -> Option<u32> {
    Some(match unit {
        "seconds" => 1,
        "minutes" => 60,
        "hours" => 60 * 60,
        "days" => DAY,
        "weeks" => 7 * DAY,
        "months" => 30 * DAY,
        _ => return None,
    })
}

/// A number, or the text of one: what a template made of a variable.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// How long `{amount, unit}` is; what is wrong with it when it is nothing.
fn duration(value: &Value) -> Result<Duration, &'static str> {
    let amount = number(&value["amount"])
        .filter(|amount| *amount > 0.0)
        .ok_or("amount")?;
    let unit = value["unit"].as_str().and_then(seconds).ok_or("unit")?;
    Duration::try_from_secs_f64(amount * f64::from(unit)).map_err(|_| "amount")
}

/// The next time after now that fits a cron expression of five or six fields.
fn next_occurrence(pattern: &str, moment: &Moment<'_>) -> Result<Time, String> {
    let parser = CronParser::builder().year(Year::Disallowed).sloppy_ranges(true).build();
    let cron = parser
        .parse(pattern)
        .map_err(|error| format!("Invalid cron expression '{pattern}': {error}"))?;
    let now = moment.now.timestamp().to_zoned(moment.zone.clone());
    let next = cron
        .find_next_occurrence(&now, false)
        .map_err(|_| format!("The cron expression '{pattern}' fits no time to come"))?;
    Ok(Time::from_millis(next.timestamp().as_millisecond()))
}

/// Whether the controls name a schedule instead of a duration.
fn is_timed(controls: &Value) -> bool {
    match controls["type"].as_str() {
        Some("timed") => true,
        Some("regular") => false,
        _ => is_set(&controls["cron"]),
    }
}

/// What stands at a dotted path: in the payload, unless the path begins with another namespace.
fn at_path<'a>(data: &'a Value, path: &str) -> &'a Value {
    let path = path.trim();
    let mut value = match path.split('.').next() {
        Some("payload" | "subscriber" | "context" | "steps") => data,
        _ => &data["payload"],
    };
    for name in path.split('.') {
        value = match (value, name.parse::<usize>()) {
            (Value::Array(items), Ok(index)) => items.get(index).unwrap_or(&Value::Null),
            _ => &value[name],
        };
    }
    value
}

/// When the delay that these controls name is over; `Err` says why they name none.
pub(crate) fn delay(controls: &Value, overridden: &Value, moment: &Moment<'_>) -> Result<Time, String> {
    if is_timed(controls) {
        return match controls["cron"].as_str().filter(|cron| !cron.is_empty()) {
            Some(cron) => next_occurrence(cron, moment),
            None => Err("The cron expression of the delay is missing".to_owned()),
        };
    }
    if controls["type"] == "dynamic" {
        return dynamic(controls, moment, "delay")?
            .ok_or_else(|| {
                let key = controls["dynamicKey"].as_str().unwrap_or_default();
                format!("Dynamic delay key '{key}' not found in payload")
            })
            .and_then(|at| match at {
                at if at > moment.now => Ok(at),
                _ => {
                    let value = shown(at_path(
                        moment.data,
                        controls["dynamicKey"].as_str().unwrap_or_default(),
                    ));
                    Err(format!("Dynamic delay timestamp '{value}' must be a future date"))
                }
            });
    }
    if let Ok(overridden) = duration(overridden) {
        return Ok(moment.now.plus(overridden));
    }
    match duration(controls) {
        Ok(by) => Ok(moment.now.plus(by)),
        Err(member) => Err(format!("Invalid delay {member}")),
    }
}

/// The time that the value at `dynamicKey` names: a timestamp, or a duration from now. Nothing when there is no value.
fn dynamic(controls: &Value, moment: &Moment<'_>, what: &str) -> Result<Option<Time>, String> {
    let Some(key) = controls["dynamicKey"].as_str().filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    let value = at_path(moment.data, key);
    // A key of a template was rendered to the value itself.
    let value = match value {
        Value::Null => return Ok(Time::parse(key)),
        Value::String(text) => {
            if let Some(at) = Time::parse(text) {
                return Ok(Some(at));
            }
            value
        }
        Value::Object(members) if members.contains_key("amount") && members.contains_key("unit") => {
            return match duration(value) {
                Ok(by) => Ok(Some(moment.now.plus(by))),
                Err("amount") => Err(format!(
                    "Invalid amount '{}' in dynamic {what}",
                    shown(&value["amount"])
                )),
                Err(_) => Err(format!(
                    "Invalid time unit '{}' in dynamic {what}",
                    shown(&value["unit"])
                )),
            };
        }
        other => other,
    };
    Err(format!(
        "Dynamic {what} value '{value}' is not a valid format. Expected ISO-8601 timestamp or duration object {{ amount: number, unit: string }}"
    ))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How a digest with these controls collects; `Err` says why it cannot.
pub(crate) fn digest(controls: &Value, overridden: &Value, moment: &Moment<'_>) -> Result<Collecting, String> {
    if is_timed(controls) {
        let cron = controls["cron"].as_str().filter(|cron| !cron.is_empty());
        let cron = cron.ok_or_else(|| "Digest timed config is missing".to_owned())?;
        return Ok(Collecting {
            due: next_occurrence(cron, moment)?,
            look_back: None,
        });
    }
    let window = if let Ok(overridden) = duration(overridden) {
        overridden
    } else if is_set(&controls["amount"]) || is_set(&controls["unit"]) {
        duration(controls).map_err(|member| format!("Invalid digest {member}"))?
    } else {
        Duration::ZERO
    };
    let look_back = &controls["lookBackWindow"];
    let look_back = if is_set(&look_back["amount"]) && is_set(&look_back["unit"]) {
        Some(duration(look_back).map_err(|member| format!("Invalid digest {member} of the look-back window"))?)
    } else {
        None
    };
    Ok(Collecting {
        due: moment.now.plus(window),
        look_back,
    })
}

/// What tells the events of a step apart: the value that the payload has at the key. Texts and other values that read
/// the same are the same.
pub(crate) fn value_at(key: &Value, data: &Value) -> String {
    let Some(key) = key.as_str().filter(|key| !key.trim().is_empty()) else {
        return NO_VALUE.to_owned();
    };
    let value = match at_path(data, key) {
        Value::Null => return NO_VALUE.to_owned(),
        value => shown(value),
    };
    if value.len() <= LONGEST_VALUE {
        return value;
    }
    campanile_store::digests::hashed(&value)
}

/// How a throttle with these controls counts from now on.
pub(crate) fn throttle(controls: &Value, moment: &Moment<'_>) -> Counting {
    let threshold = number(&controls["threshold"]).filter(|threshold| *threshold >= 1.0);
    // No throttle lets through more than this anyway.
    let threshold = threshold.map_or(1, |threshold| i64::from(saturated(threshold)));
    let until = if controls["type"] == "dynamic" {
        dynamic(controls, moment, "throttle").ok().flatten()
    } else {
        let unit = controls["unit"].as_str();
        let by = unit.filter(|unit| matches!(*unit, "minutes" | "hours" | "days"));
        by.and_then(|_| duration(controls).ok()).map(|by| moment.now.plus(by))
    };
    match until {
        None => Counting::Nothing,
        Some(until) if until <= moment.now => Counting::Past,
        Some(until) => Counting::Until(until, threshold),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and it is not negative"
)]
fn saturated(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    fn moment<'a>(now: &str, zone: &'a TimeZone, data: &'a Value) -> Moment<'a> {
        Moment {
            now: at(now),
            zone,
            data,
        }
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn next(pattern: &str, now: &str) -> String {
        let zone = berlin();
        next_occurrence(pattern, &moment(now, &zone, &Value::Null))
            .unwrap()
            .to_string()
    }

    #[test]
    fn durations_are_exact_and_months_have_thirty_days() {
        let cases = [
            ("seconds", 2),
            ("minutes", 120),
            ("hours", 7200),
            ("days", 172_800),
            ("weeks", 1_209_600),
            ("months", 5_184_000),
        ];
        for (unit, expected) in cases {
            let made = duration(&json!({ "amount": 2, "unit": unit }));
            assert_eq!(made, Ok(Duration::from_secs(expected)), "{unit}");
        }
        assert_eq!(
            duration(&json!({ "amount": "3", "unit": "hours" })),
            Ok(Duration::from_hours(3))
        );
        for amount in [json!(0), json!(-1), json!("x"), json!(null), json!(1e300)] {
            assert_eq!(duration(&json!({ "amount": amount, "unit": "hours" })), Err("amount"));
        }
        assert_eq!(duration(&json!({ "amount": 1, "unit": "years" })), Err("unit"));
    }

    #[test]
    fn a_cron_expression_is_read_in_the_subscribers_civil_time() {
        assert_eq!(next("0 9 * * *", "2026-01-15T07:59:00Z"), "2026-01-15T08:00:00.000Z");
        assert_eq!(next("0 9 * * *", "2026-07-15T07:00:00Z"), "2026-07-16T07:00:00.000Z");
        assert_eq!(next("0 9 * * 1", "2026-01-15T12:00:00Z"), "2026-01-19T08:00:00.000Z");
        assert_eq!(
            next("*/15 * * * * *", "2026-01-15T12:00:16Z"),
            "2026-01-15T12:00:30.000Z"
        );
    }

    #[test]
    fn an_hour_that_is_skipped_is_due_when_the_clocks_change() {
        // On 29 March 2026 two o'clock is followed by three, at 01:00 UTC.
        assert_eq!(next("30 2 * * *", "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00.000Z");
        assert_eq!(next("30 2 * * *", "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00.000Z");
    }

    #[test]
    fn an_hour_that_comes_twice_is_due_once() {
        // On 25 October 2026 three o'clock is followed by two, at 01:00 UTC.
        assert_eq!(next("30 2 * * *", "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00.000Z");
        assert_eq!(next("30 2 * * *", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00.000Z");
    }

    #[test]
    fn a_time_of_every_day_stays_the_time_on_the_wall_when_the_clocks_change() {
        assert_eq!(next("0 9 * * *", "2026-03-28T12:00:00Z"), "2026-03-29T07:00:00.000Z");
        assert_eq!(next("0 9 * * *", "2026-10-24T12:00:00Z"), "2026-10-25T08:00:00.000Z");
    }

    #[test]
    fn a_cron_expression_that_fits_no_time_is_refused() {
        let (zone, data) = (berlin(), Value::Null);
        let moment = moment("2026-01-15T07:59:00Z", &zone, &data);
        for pattern in ["0 0 31 2 *", "x", "", "61 * * * *", "* * * *"] {
            assert!(next_occurrence(pattern, &moment).is_err(), "{pattern}");
        }
    }

    #[test]
    fn delays_of_every_kind() {
        let zone = TimeZone::UTC;
        let data = json!({ "payload": {
            "at": "2026-01-20T00:00:00Z", "past": "2025-01-20T00:00:00Z", "for": { "amount": 2, "unit": "days" },
            "bad": { "amount": 2, "unit": "moons" }, "none": { "amount": 0, "unit": "days" }, "odd": true,
        } });
        let moment = moment("2026-01-15T00:00:00Z", &zone, &data);
        let delay = |controls: Value| delay(&controls, &Value::Null, &moment).map(|at| at.to_string());
        let dynamic = |key: &str| delay(json!({ "type": "dynamic", "dynamicKey": key }));
        assert_eq!(
            delay(json!({ "type": "regular", "amount": 1, "unit": "hours" })),
            Ok("2026-01-15T01:00:00.000Z".to_owned())
        );
        assert_eq!(
            delay(json!({ "type": "timed", "cron": "0 6 * * *" })),
            Ok("2026-01-15T06:00:00.000Z".to_owned())
        );
        assert_eq!(dynamic("payload.at"), Ok("2026-01-20T00:00:00.000Z".to_owned()));
        assert_eq!(dynamic("for"), Ok("2026-01-17T00:00:00.000Z".to_owned()));
        let errors = [
            (
                "payload.absent",
                "Dynamic delay key 'payload.absent' not found in payload",
            ),
            (
                "payload.past",
                "Dynamic delay timestamp '2025-01-20T00:00:00Z' must be a future date",
            ),
            ("payload.bad", "Invalid time unit 'moons' in dynamic delay"),
            ("payload.none", "Invalid amount '0' in dynamic delay"),
            (
                "payload.odd",
                "Dynamic delay value 'true' is not a valid format. Expected ISO-8601 timestamp or duration object { amount: number, unit: string }",
            ),
        ];
        for (key, text) in errors {
            assert_eq!(dynamic(key), Err(text.to_owned()));
        }
        assert_eq!(
            super::delay(
                &json!({ "amount": 1, "unit": "days" }),
                &json!({ "amount": 5, "unit": "seconds" }),
                &moment
            ),
            Ok(at("2026-01-15T00:00:05Z"))
        );
    }

    #[test]
    fn digests_of_every_kind() {
        let (zone, data) = (TimeZone::UTC, Value::Null);
        let moment = moment("2026-01-15T00:00:00Z", &zone, &data);
        let collecting = |due: &str, look_back: Option<u64>| Collecting {
            due: at(due),
            look_back: look_back.map(Duration::from_secs),
        };
        let digest = |controls: Value| digest(&controls, &Value::Null, &moment);
        assert_eq!(
            digest(json!({ "amount": 5, "unit": "minutes" })),
            Ok(collecting("2026-01-15T00:05:00Z", None))
        );
        assert_eq!(digest(json!({})), Ok(collecting("2026-01-15T00:00:00Z", None)));
        assert_eq!(
            digest(json!({ "cron": "0 9 * * *" })),
            Ok(collecting("2026-01-15T09:00:00Z", None))
        );
        assert_eq!(
            digest(json!({ "amount": 5, "unit": "minutes", "lookBackWindow": { "amount": 1, "unit": "hours" } })),
            Ok(collecting("2026-01-15T00:05:00Z", Some(3600)))
        );
        assert_eq!(digest(json!({ "amount": 5 })), Err("Invalid digest unit".to_owned()));
        assert_eq!(
            digest(json!({ "unit": "days" })),
            Err("Invalid digest amount".to_owned())
        );
        assert_eq!(
            digest(json!({ "type": "timed" })),
            Err("Digest timed config is missing".to_owned())
        );
    }

    #[test]
    fn the_value_of_a_key_is_what_the_payload_has_there() {
        let data = json!({ "payload": { "id": 7, "text": "7", "deep": { "list": [{ "x": "y" }] }, "none": null } });
        let value = |key: &str| value_at(&json!(key), &data);
        assert_eq!((value("id"), value("payload.text")), ("7".to_owned(), "7".to_owned()));
        assert_eq!(value("deep.list.0.x"), "y");
        for key in ["none", "absent", "", "deep.list.9.x"] {
            assert_eq!(value(key), NO_VALUE, "{key}");
        }
        let long = json!({ "payload": { "id": "x".repeat(10_000) } });
        assert_eq!(value_at(&json!("id"), &long).len(), 64);
    }

    #[test]
    fn throttles_of_every_kind() {
        let zone = TimeZone::UTC;
        let data = json!({ "payload": { "at": "2026-01-15T00:10:00Z", "past": "2025-01-15T00:10:00Z" } });
        let moment = moment("2026-01-15T00:00:00Z", &zone, &data);
        let throttle = |controls: Value| throttle(&controls, &moment);
        assert_eq!(
            throttle(json!({ "amount": 1, "unit": "hours" })),
            Counting::Until(at("2026-01-15T01:00:00Z"), 1)
        );
        assert_eq!(
            throttle(json!({ "type": "dynamic", "dynamicKey": "payload.at", "threshold": 3 })),
            Counting::Until(at("2026-01-15T00:10:00Z"), 3)
        );
        assert_eq!(
            throttle(json!({ "type": "dynamic", "dynamicKey": "payload.past" })),
            Counting::Past
        );
        for controls in [
            json!({ "amount": 1, "unit": "weeks" }),
            json!({ "unit": "hours" }),
            json!({ "type": "dynamic", "dynamicKey": "payload.absent" }),
        ] {
            assert_eq!(throttle(controls.clone()), Counting::Nothing, "{controls}");
        }
    }
}
