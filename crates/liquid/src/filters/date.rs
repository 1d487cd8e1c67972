//! Dates: reading, moving to a time zone, and `strftime`.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::arg;
use super::date_parse::{self, civil_from_days, days_from_civil};
use crate::convert;
use crate::error::Fault;
use crate::limits::Budget;
use crate::number;
use crate::render::{Outcome, Renderer};
use crate::value::Value;

const DEFAULT_FORMAT: &str = "%A, %B %-e, %Y at %-l:%M %P %z";
/// The largest time a JavaScript date can hold, in milliseconds.
const MAX_MILLIS: f64 = 8.64e15;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

pub(super) fn date<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let Some(moment) = Moment::read(r, &input, &arg(args, 1))? else {
        return Ok(input);
    };
    let format = arg(args, 0).plain();
    let format = if format.is_nullish() {
        DEFAULT_FORMAT.into()
    } else {
        r.text(&format)?
    };
    Ok(strftime(&moment, &format, &r.budget)?.into())
}

fn formatted<'a>(r: &mut Renderer<'a>, input: Value<'a>, format: impl FnOnce(&Moment) -> String) -> Outcome<'a> {
    let Some(moment) = Moment::read(r, &input, &Value::Undefined)? else {
        return Ok(input);
    };
    Ok(strftime(&moment, &format(&moment), &r.budget)?.into())
}

pub(super) fn date_to_xmlschema<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    formatted(r, input, |_| "%Y-%m-%dT%H:%M:%S%:z".into())
}

pub(super) fn date_to_rfc822<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    formatted(r, input, |_| "%a, %d %b %Y %H:%M:%S %z".into())
}

pub(super) fn date_to_string<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    spelled(r, input, args, "%b")
}

pub(super) fn date_to_long_string<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    spelled(r, input, args, "%B")
}

fn spelled<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>], month: &str) -> Outcome<'a> {
    let is = |i: usize, word: &str| matches!(args.get(i), Some(Value::Text(text)) if **text == *word);
    formatted(r, input, |moment| {
        let day = moment.fields().day;
        match (is(0, "ordinal"), is(1, "US")) {
            (true, true) => format!("{month} {day}%q, %Y"),
            (true, false) => format!("{day}%q {month} %Y"),
            _ => format!("%d {month} %Y"),
        }
    })
}

/// A point in time and the zone it is shown in.
struct Moment {
    /// Milliseconds since 1970, UTC.
    millis: f64,
    /// Minutes west of Greenwich, the way JavaScript counts.
    west: f64,
    zone_name: String,
}

/// The wall clock of a moment.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
    /// 0 is Sunday.
    weekday: i64,
    /// From 1.
    day_of_year: i64,
}

impl Moment {
    /// Reads what templates call a date; nothing when it is none.
    fn read<'a>(r: &Renderer<'a>, input: &Value<'a>, zone: &Value<'a>) -> Result<Option<Self>, Fault> {
        let local = &r.options.time_zone;
        let millis = match input.clone().plain() {
            Value::Undefined | Value::Null => return Ok(None),
            Value::Number(n) => n * 1000.0,
            Value::Bool(b) => f64::from(u8::from(b)),
            other => {
                let text = convert::string(&other, &r.budget)?;
                r.budget.reading(text.len())?;
                let is_text = matches!(other, Value::Text(_));
                if is_text && matches!(text.as_str(), "now" | "today") {
                    number::from_millis(r.options.now.as_millisecond())
                } else if is_text && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
                    number::parse(&text) * 1000.0
                } else {
                    date_parse::parse(&text).map_or(f64::NAN, |civil| match civil.offset {
                        Some(offset) => civil.millis - number::from_millis(offset * 1000),
                        None => from_local(civil.millis, local),
                    })
                }
            }
        };
        let millis = millis.trunc();
        let in_range = millis.abs() <= MAX_MILLIS;
        let (west, zone_name) = match zone {
            Value::Undefined | Value::Null => (
                west_of(local, millis),
                local
                    .iana_name()
                    .unwrap_or(if *local == TimeZone::UTC { "UTC" } else { "" })
                    .to_owned(),
            ),
            Value::Text(_) if !in_range => (f64::NAN, String::new()),
            Value::Text(name) => {
                let zone =
                    named_zone(name).ok_or_else(|| Fault::new(format!("Invalid time zone specified: {}", &**name)))?;
                (west_of(&zone, millis), name.to_string())
            }
            other => (r.js_number(other)?, String::new()),
        };
        let shown = millis - west * 60_000.0;
        // JavaScript notices an impossible date only after it moved it.
        Ok((in_range && shown.abs() <= MAX_MILLIS).then_some(Self {
            millis,
            west,
            zone_name,
        }))
    }

    fn fields(&self) -> Fields {
        let shown = number::to_int(self.millis - (self.west * 60_000.0).trunc());
        let (days, milli_of_day) = (shown.div_euclid(86_400_000), shown.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        Fields {
            year,
            month,
            day,
            hour: milli_of_day / 3_600_000,
            minute: milli_of_day / 60_000 % 60,
            second: milli_of_day / 1000 % 60,
            milli: milli_of_day % 1000,
            weekday: (days + 4).rem_euclid(7),
            day_of_year: days - days_from_civil(year, 1, 1) + 1,
        }
    }

    fn offset(&self, colon: bool) -> String {
        let minutes = number::to_int(self.west.abs());
        let sign = if self.west > 0.0 { '-' } else { '+' };
        format!(
            "{sign}{:02}{}{:02}",
            minutes / 60,
            if colon { ":" } else { "" },
            minutes % 60
        )
    }
}

/// A zone by its name in the time zone database, or a fixed offset such as `+05:30`.
fn named_zone(name: &str) -> Option<TimeZone> {
    if let Some(rest) = name.strip_prefix(['+', '-']) {
        let digits: String = rest.chars().filter(|c| *c != ':').collect();
        let well_formed =
            matches!((rest.len(), digits.len()), (2, 2) | (4 | 5, 4)) && digits.bytes().all(|b| b.is_ascii_digit());
        let number: i32 = digits.parse().ok().filter(|_| well_formed)?;
        let (hours, minutes) = if digits.len() == 2 {
            (number, 0)
        } else {
            (number / 100, number % 100)
        };
        if hours > 23 || minutes > 59 {
            return None;
        }
        let seconds = (hours * 60 + minutes) * 60;
        let seconds = if name.starts_with('-') { -seconds } else { seconds };
        return jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    TimeZone::get(name).ok()
}

fn west_of(zone: &TimeZone, millis: f64) -> f64 {
    // Beyond the years the library knows, the rules of its last years are used.
    let instant = Timestamp::from_millisecond(number::to_int(millis));
    let instant = instant.unwrap_or(if millis < 0.0 { Timestamp::MIN } else { Timestamp::MAX });
    0.0 - f64::from(zone.to_offset(instant).seconds()) / 60.0
}

/// The UTC time of a wall clock in a zone.
fn from_local(millis: f64, zone: &TimeZone) -> f64 {
    let whole = number::to_int(millis);
    let (year, month, day) = civil_from_days(whole.div_euclid(86_400_000));
    let second_of_day = whole.rem_euclid(86_400_000) / 1000;
    let small = |n: i64| i8::try_from(n).unwrap_or(0);
    let instant = i16::try_from(year)
        .ok()
        .and_then(|year| {
            let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
            civil::DateTime::new(
                year,
                small(month),
                small(day),
                small(hour),
                small(minute),
                small(second),
                0,
            )
            .ok()
        })
        .and_then(|local| zone.to_ambiguous_timestamp(local).compatible().ok());
    match instant {
        Some(instant) => number::from_millis(instant.as_millisecond() + whole.rem_euclid(1000)),
        None => millis + west_of(zone, millis) * 60_000.0,
    }
}

// ---- strftime ------------------------------------------------------------------------------------------------------

/// Flags and width of a conversion, `%-05d`.
struct Directive {
    flags: String,
    width: Option<f64>,
    conversion: char,
}

fn strftime(moment: &Moment, format: &str, budget: &Budget) -> Result<String, Fault> {
    budget.reading(format.len())?;
    let fields = moment.fields();
    let mut out = String::with_capacity(format.len() + 16);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (directive, length) = directive(rest);
        let text = match directive {
            Some(directive) => convert_one(moment, &fields, &directive, budget)?,
            None => None,
        };
        // What is no conversion stays as it is.
        out.push_str(text.as_deref().unwrap_or(&rest[..length]));
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads the conversion at the start of `text`, which is a percent sign, and its length in bytes.
fn directive(text: &str) -> (Option<Directive>, usize) {
    let take =
        |from: usize, test: fn(char) -> bool| from + text[from..].find(|c| !test(c)).unwrap_or(text.len() - from);
    let flags_end = take(1, |c| matches!(c, '-' | '_' | '0' | '^' | '#' | ':'));
    let width_end = take(flags_end, |c| c.is_ascii_digit());
    let modifier_end = width_end + usize::from(text[width_end..].starts_with(['E', 'O']));
    let conversion = text[modifier_end..]
        .chars()
        .next()
        .filter(|c| !matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}'));
    let Some(conversion) = conversion else {
        return (None, modifier_end);
    };
    let width = Some(&text[flags_end..width_end])
        .filter(|digits| !digits.is_empty())
        .map(number::parse);
    (
        Some(Directive {
            flags: text[1..flags_end].to_owned(),
            width,
            conversion,
        }),
        modifier_end + conversion.len_utf8(),
    )
}

fn convert_one(
    moment: &Moment,
    fields: &Fields,
    directive: &Directive,
    budget: &Budget,
) -> Result<Option<String>, Fault> {
    let number = |n: i64, width: usize| (n.to_string(), width, '0');
    let blank = |n: i64| (n.to_string(), 2, ' ');
    let name = |text: &str| (text.to_owned(), 0, ' ');
    let hour12 = (fields.hour + 11) % 12 + 1;
    let week = |start: i64| {
        let since_start = (fields.weekday - start).rem_euclid(7);
        (fields.day_of_year - 1 - since_start + 7).div_euclid(7)
    };
    let entry = |names: &'static [&'static str], i: i64| names[usize::try_from(i).unwrap_or(0) % names.len()];
    let locale_date = || format!("{}/{}/{}", fields.month, fields.day, locale_year(fields.year));
    let locale_time = || {
        let half = if fields.hour < 12 { "AM" } else { "PM" };
        format!("{hour12}:{:02}:{:02} {half}", fields.minute, fields.second)
    };
    let (text, width, pad) = match directive.conversion {
        'a' => name(&entry(&DAYS, fields.weekday)[..3]),
        'A' => name(entry(&DAYS, fields.weekday)),
        'b' => name(&entry(&MONTHS, fields.month - 1)[..3]),
        // Not padded with blanks like its twin, because only `b` is listed for that.
        'h' => (entry(&MONTHS, fields.month - 1)[..3].to_owned(), 0, '0'),
        'B' => name(entry(&MONTHS, fields.month - 1)),
        'c' => name(&format!("{}, {}", locale_date(), locale_time())),
        'C' => number(fields.year.div_euclid(100), 2),
        'd' => number(fields.day, 2),
        'e' => blank(fields.day),
        'H' => number(fields.hour, 2),
        'I' => number(hour12, 2),
        'j' => number(fields.day_of_year, 3),
        'k' => blank(fields.hour),
        'l' => blank(hour12),
        'L' => number(fields.milli, 3),
        'm' => number(fields.month, 2),
        'M' => number(fields.minute, 2),
        'N' => {
            let width = number::to_index(directive.width.filter(|width| *width > 0.0).unwrap_or(9.0));
            budget.memory(width)?;
            let mut digits = format!("{:03}", fields.milli);
            digits.truncate(width);
            (format!("{digits:0<width$}", width = width.min(65_535)), 0, '0')
        }
        'p' => name(if fields.hour < 12 { "AM" } else { "PM" }),
        'P' => name(if fields.hour < 12 { "am" } else { "pm" }),
        'q' => (ordinal(fields.day).to_owned(), 0, '0'),
        's' => number(number::to_int((moment.millis / 1000.0).floor()), 0),
        'S' => number(fields.second, 2),
        'u' => number(if fields.weekday == 0 { 7 } else { fields.weekday }, 0),
        'U' => number(week(0), 2),
        'w' => number(fields.weekday, 0),
        'W' => number(week(1), 2),
        'x' => (locale_date(), 0, '0'),
        'X' => (locale_time(), 0, '0'),
        'y' => number(fields.year.rem_euclid(100), 2),
        'Y' => number(fields.year, 4),
        'z' => (moment.offset(directive.flags.contains(':')), 0, '0'),
        'Z' if moment.zone_name.is_empty() => (moment.offset(directive.flags.contains(':')), 0, '0'),
        'Z' => (moment.zone_name.clone(), 0, '0'),
        't' => ("\t".into(), 0, '0'),
        'n' => ("\n".into(), 0, '0'),
        '%' => ("%".into(), 0, '0'),
        _ => return Ok(None),
    };
    padded(text, width, pad, directive, budget).map(Some)
}

fn padded(
    mut text: String,
    width: usize,
    mut pad: char,
    directive: &Directive,
    budget: &Budget,
) -> Result<String, Fault> {
    let has = |flag: char| directive.flags.contains(flag);
    let mut width = directive
        .width
        .filter(|width| *width > 0.0)
        .map_or(width, number::to_index);
    if has('^') {
        text = text.to_uppercase();
    } else if has('#') {
        text = if text.contains(|c: char| c.is_ascii_lowercase()) {
            text.to_uppercase()
        } else {
            text.to_lowercase()
        };
    }
    if has('_') {
        pad = ' ';
    } else if has('0') {
        pad = '0';
    }
    if has('-') {
        width = 0;
    }
    let missing = width.saturating_sub(text.chars().count());
    budget.memory(missing)?;
    let padding = pad.to_string().repeat(missing);
    Ok(match text.strip_prefix('-') {
        Some(digits) if pad == '0' => format!("-{padding}{digits}"),
        _ => padding + &text,
    })
}

/// English dates count years before the first one backwards and without a sign.
fn locale_year(year: i64) -> i64 {
    if year <= 0 { 1 - year } else { year }
}

fn ordinal(day: i64) -> &'static str {
    match (day, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}
