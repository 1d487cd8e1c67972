//! The `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

/// No provider may park a delivery for longer than this.
pub const CAP: Duration = Duration::from_hours(24);

/// How long to wait from `now` on. Fractions of seconds, which some vendors send, are kept; a date in the past is no
/// wait at all; what is neither a number nor a date is nothing.
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(number) = value.parse::<f64>() {
        return seconds(number);
    }
    let then = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(
        Duration::try_from(then.duration_since(now))
            .unwrap_or(Duration::ZERO)
            .min(CAP),
    )
}

/// A wait given as a number of seconds, capped; negative and unreal numbers are nothing.
pub fn seconds(number: f64) -> Option<Duration> {
    if number.is_nan() || number < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(number).unwrap_or(CAP).min(CAP))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_and_dates_are_read() {
        let now = at("2026-11-06T08:49:37Z");
        let table = [
            ("0", Some(0.0)),
            ("30", Some(30.0)),
            (" 30 ", Some(30.0)),
            ("1.5", Some(1.5)),
            ("86401", Some(86_400.0)),
            ("999999999999999999999999", Some(86_400.0)),
            ("inf", Some(86_400.0)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
            ("Fri, 06 Nov 2026 08:50:07 GMT", Some(30.0)),
            ("Fri, 06 Nov 2026 08:00:00 GMT", Some(0.0)),
            ("Sun, 06 Nov 2061 08:49:37 GMT", Some(86_400.0)),
            ("Fri, 06 Nov 2026", None),
        ];
        for (value, expected) in table {
            assert_eq!(parse(value, now), expected.map(Duration::from_secs_f64), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_capped(value in ".{0,60}") {
            prop_assert!(parse(&value, at("2026-11-06T08:49:37Z")).is_none_or(|wait| wait <= CAP));
        }
    }
}
