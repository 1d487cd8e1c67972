//! The operators that the original adds to JSON logic, and those of its own that it replaces.

use campanile_model::Time;
use jiff::Span;
use jiff::tz::TimeZone;

use super::value::Item;

const MINUTE: f64 = 60_000.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// The result of an operator of the original; nothing when it is none.
pub(super) fn of_the_original(operator: &str, values: &[Item<'_>], now: Time) -> Option<bool> {
    let undefined = Item::Undefined;
    let at = |index: usize| values.get(index).unwrap_or(&undefined);
    let (data, rule) = (at(0), at(1));
    let compared = |holds: fn(f64, f64) -> bool| Comparable::of(data, rule).is_some_and(|pair| holds(pair.0, pair.1));
    Some(match operator {
        "==" | "=" => equal(data, rule),
        "!=" => !equal(data, rule),
        "<" => compared(|one, other| one < other),
        ">" => compared(|one, other| one > other),
        ">=" => compared(|one, other| one >= other),
        "<=" => match at(2) {
            Item::Undefined => compared(|one, other| one <= other),
            third => match (Comparable::of(data, rule), Comparable::of(rule, third)) {
                (Some(first), Some(second)) => first.0 <= first.1 && first.1 <= second.1,
                _ => false,
            },
        },
        "startsWith" => texts(data, rule, |text, part| text.starts_with(part)),
        "endsWith" => texts(data, rule, |text, part| text.ends_with(part)),
        "contains" => texts(data, rule, |text, part| text.contains(part)),
        "doesNotBeginWith" => texts(data, rule, |text, part| !text.starts_with(part)),
        "doesNotEndWith" => texts(data, rule, |text, part| !text.ends_with(part)),
        "doesNotContain" => texts(data, rule, |text, part| !text.contains(part)),
        "containsAny" => shared(data, rule) == Some(true),
        "doesNotContainAny" => shared(data, rule) == Some(false),
        "null" => matches!(data, Item::Null),
        "notNull" => !matches!(data, Item::Null),
        "notIn" => rule
            .elements()
            .is_some_and(|items| !items.iter().any(|item| item.same_or_both_nan(data))),
        "between" => range(data, rule).is_some_and(|(number, least, most)| number >= least && number <= most),
        "notBetween" => range(data, rule).is_some_and(|(number, least, most)| number < least || number > most),
        "moreThanXAgo" | "notWithinLast" => ago(data, rule, now).is_some_and(|ago| ago.date < ago.border),
        "lessThanXAgo" => ago(data, rule, now).is_some_and(|ago| ago.date >= ago.border),
        "withinLast" => ago(data, rule, now).is_some_and(|ago| ago.date >= ago.border && ago.date <= millis(now)),
        "exactlyXAgo" => ago(data, rule, now).is_some_and(|ago| (ago.date - ago.border).abs() <= ago.tolerance),
        _ => return None,
    })
}

/// Two values on one scale.
struct Comparable(f64, f64);

impl Comparable {
    /// Both as booleans, or both as numbers, or both as dates.
    fn of(one: &Item<'_>, other: &Item<'_>) -> Option<Self> {
        if let (Some(one), Some(other)) = (boolean(one), boolean(other)) {
            return Some(Self(f64::from(u8::from(one)), f64::from(u8::from(other))));
        }
        let numbers = Self(one.number(), other.number());
        if !numbers.0.is_nan() && !numbers.1.is_nan() {
            return Some(numbers);
        }
        match (one, other) {
            (Item::Text(_), Item::Text(_)) => Some(Self(one.moment()?, other.moment()?)),
            _ => None,
        }
    }
}

fn boolean(value: &Item<'_>) -> Option<bool> {
    match value {
        Item::Bool(value) => Some(*value),
        Item::Text(text) => match text.as_ref() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[expect(clippy::float_cmp, reason = "JavaScript compares them exactly, too")]
fn equal(one: &Item<'_>, other: &Item<'_>) -> bool {
    match Comparable::of(one, other) {
        Some(pair) => pair.0 == pair.1,
        None => one.same(other),
    }
}

/// What is no text passes no test of texts, negated ones neither.
fn texts(data: &Item<'_>, rule: &Item<'_>, holds: fn(&str, &str) -> bool) -> bool {
    match (data, rule) {
        (Item::Text(text), Item::Text(part)) => holds(text, part),
        _ => false,
    }
}

/// Whether two lists share an element.
fn shared(data: &Item<'_>, rule: &Item<'_>) -> Option<bool> {
    let (data, rule) = (data.elements()?, rule.elements()?);
    Some(
        data.iter()
            .any(|item| rule.iter().any(|other| item.same_or_both_nan(other))),
    )
}

fn range(data: &Item<'_>, rule: &Item<'_>) -> Option<(f64, f64, f64)> {
    let bounds = rule.elements()?;
    match (data, bounds.as_slice()) {
        (Item::Number(number), [Item::Number(least), Item::Number(most)]) => Some((*number, *least, *most)),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "moments are bounded to 8.64e15 milliseconds")]
fn millis(time: Time) -> f64 {
    time.timestamp().as_millisecond() as f64
}

/// A date of the data and the moment that lies so far back.
struct Ago {
    date: f64,
    border: f64,
    /// How far from the border still counts as exactly.
    tolerance: f64,
}

fn ago(data: &Item<'_>, rule: &Item<'_>, now: Time) -> Option<Ago> {
    let Item::Number(amount) = rule.member("amount") else {
        return None;
    };
    let Item::Text(unit) = rule.member("unit") else {
        return None;
    };
    if amount.is_nan() || amount <= 0.0 {
        return None;
    }
    let tolerance = match unit.as_ref() {
        "minutes" => MINUTE,
        "hours" => HOUR,
        "days" | "weeks" | "months" => DAY,
        "years" => 7.0 * DAY,
        _ => return None,
    };
    Some(Ago {
        date: data.moment()?,
        border: before(now, amount, &unit)?,
        tolerance,
    })
}

/// The moment so far before now. As in JavaScript, a part of a unit is dropped, and the 31st of a month without one is
/// in the month after it.
fn before(now: Time, amount: f64, unit: &str) -> Option<f64> {
    if amount > 1e12 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "bounded just before"
    )]
    let field = |value: i64, amount: f64| (value as f64 - amount).trunc() as i64;
    let civil = now.timestamp().to_zoned(TimeZone::UTC).datetime();
    let (date, time) = (civil.date(), civil.time());
    let change = |value: i8, amount: f64| field(value.into(), amount) - i64::from(value);
    let moved = match unit {
        "minutes" => civil.checked_add(Span::new().try_minutes(change(time.minute(), amount)).ok()?),
        "hours" => civil.checked_add(Span::new().try_hours(change(time.hour(), amount)).ok()?),
        "days" => civil.checked_add(Span::new().try_days(change(date.day(), amount)).ok()?),
        "weeks" => civil.checked_add(Span::new().try_days(change(date.day(), amount * 7.0)).ok()?),
        _ => {
            // The month counts from 0 in its year, and the part of a unit is dropped there.
            let (year, month) = (i64::from(date.year()), i64::from(date.month()) - 1);
            let wanted = if unit == "years" {
                field(year, amount).checked_mul(12)?.checked_add(month)?
            } else {
                (year * 12).checked_add(field(month, amount))?
            };
            let year = i16::try_from(wanted.div_euclid(12)).ok()?;
            let month = i8::try_from(wanted.rem_euclid(12) + 1).ok()?;
            let first = jiff::civil::Date::new(year, month, 1).ok()?;
            let day = first.checked_add(Span::new().days(i64::from(date.day()) - 1));
            day.map(|day| day.to_datetime(time))
        }
    };
    let moved = moved.ok()?.to_zoned(TimeZone::UTC).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "moments are bounded to 8.64e15 milliseconds")]
    Some(moved.timestamp().as_millisecond() as f64)
}
