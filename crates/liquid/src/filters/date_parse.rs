//! Reads a date from text as JavaScript engines of the V8 family do: ISO forms first, then anything that looks like a
//! date in American English.

use crate::number::is_space;

/// A moment in civil time; without an offset it is in the local zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Civil {
    /// Milliseconds since 1970 as if the civil time were UTC.
    pub(crate) millis: f64,
    /// Seconds east of Greenwich, when the text says so.
    pub(crate) offset: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    /// The value and the number of digits.
    Number(i64, usize),
    Symbol(char),
    Space,
    Month(i64),
    /// Hours to add: 0 or 12.
    Half(i64),
    /// A named zone, in hours; `Z` alone is told apart by the flag.
    Zone(i64, bool),
    /// The `T` between date and time.
    Separator,
    Word,
    Unknown,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const ZONES: [(&str, i64); 11] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

fn word(text: &str) -> Token {
    let lower = text.to_ascii_lowercase();
    if let Some(i) = MONTHS.iter().position(|month| lower.starts_with(month)) {
        return Token::Month(i64::try_from(i).unwrap_or(0) + 1);
    }
    match lower.as_str() {
        "am" => Token::Half(0),
        "pm" => Token::Half(12),
        "z" => Token::Zone(0, true),
        "t" => Token::Separator,
        other => ZONES
            .iter()
            .find(|(name, _)| *name == other)
            .map_or(Token::Word, |(_, hours)| Token::Zone(*hours, false)),
    }
}

/// Everything from `A` on counts as a letter, brackets and other alphabets included.
fn is_word(c: char) -> bool {
    c >= 'A' && !is_space(c)
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    let run = |from: usize, test: fn(&char) -> bool| chars[from..].iter().take_while(|c| test(c)).count();
    while i < chars.len() {
        let c = chars[i];
        if c.is_ascii_digit() {
            let length = run(i, char::is_ascii_digit);
            let digits: String = chars[i..i + length].iter().skip_while(|c| **c == '0').take(9).collect();
            tokens.push(Token::Number(digits.parse().unwrap_or(0), length));
            i += length;
        } else if is_word(c) {
            let length = run(i, |c| is_word(*c));
            tokens.push(word(&chars[i..i + length].iter().collect::<String>()));
            i += length;
        } else if is_space(c) {
            let length = run(i, |c| is_space(*c));
            tokens.push(Token::Space);
            i += length;
        } else if c == '(' {
            // Comments in parentheses, nested or not closed, count for nothing.
            let mut depth = 0;
            while i < chars.len() {
                depth += i32::from(chars[i] == '(') - i32::from(chars[i] == ')');
                i += 1;
                if depth == 0 {
                    break;
                }
            }
            tokens.push(Token::Unknown);
        } else {
            tokens.push(if matches!(c, ':' | '-' | '+' | '.' | ')') {
                Token::Symbol(c)
            } else {
                Token::Unknown
            });
            i += 1;
        }
    }
    tokens
}

#[derive(Default)]
struct Parts {
    day: Vec<i64>,
    month: Option<i64>,
    iso: bool,
    time: Vec<i64>,
    /// No more parts of a time may follow.
    time_done: bool,
    half: Option<i64>,
    sign: Option<i64>,
    zone_hour: Option<i64>,
    zone_minute: Option<i64>,
}

struct Reader {
    tokens: Vec<Token>,
    next: usize,
    parts: Parts,
}

/// Parses a date, or nothing when the text is none.
pub(crate) fn parse(text: &str) -> Option<Civil> {
    let mut reader = Reader {
        tokens: tokens(text),
        next: 0,
        parts: Parts::default(),
    };
    // The ISO reader leaves what it read in place for the looser rules to go on with.
    if !reader.iso()? {
        reader.loose()?;
    }
    reader.parts.finish()
}

impl Reader {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.next).copied()
    }

    fn skip(&mut self, token: Token) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    /// A number of exactly so many digits within bounds.
    fn fixed(&mut self, digits: usize, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match self.peek() {
            Some(Token::Number(n, length)) if length == digits && bounds.contains(&n) => {
                self.next += 1;
                Some(n)
            }
            _ => None,
        }
    }

    /// Reads an ISO date. True when all of it was one, false when the looser rules have to go on, nothing when the text
    /// can be no date at all.
    fn iso(&mut self) -> Option<bool> {
        let year = match self.peek() {
            Some(Token::Symbol(sign @ ('-' | '+'))) if matches!(self.tokens.get(1), Some(Token::Number(_, 6))) => {
                self.next += 1;
                let year = self.fixed(6, 0..=999_999)?;
                if sign == '-' && year == 0 {
                    return None;
                }
                if sign == '-' { Some(-year) } else { Some(year) }
            }
            _ => self.fixed(4, 0..=9999),
        };
        let Some(year) = year else { return Some(false) };
        self.parts.day.push(year);
        if self.skip(Token::Symbol('-')) {
            let Some(month) = self.fixed(2, 1..=12) else {
                return Some(false);
            };
            self.parts.day.push(month);
            if self.skip(Token::Symbol('-')) {
                let Some(day) = self.fixed(2, 1..=31) else {
                    return Some(false);
                };
                self.parts.day.push(day);
            }
        }
        if !self.skip(Token::Separator) {
            if self.peek().is_some() {
                return Some(false);
            }
            (self.parts.zone_hour, self.parts.sign) = (Some(0), Some(1));
            self.parts.iso = true;
            return Some(true);
        }
        self.iso_time()
    }

    /// The rest after the `T`, which leaves no way back to the looser rules.
    fn iso_time(&mut self) -> Option<bool> {
        let hour = self.fixed(2, 0..=24)?;
        self.parts.time.push(hour);
        let most = if hour == 24 { 0 } else { 59 };
        if !self.skip(Token::Symbol(':')) {
            return None;
        }
        let minute = self.fixed(2, 0..=most)?;
        self.parts.time.push(minute);
        if self.skip(Token::Symbol(':')) {
            let second = self.fixed(2, 0..=most)?;
            self.parts.time.push(second);
            if self.skip(Token::Symbol('.')) {
                let Some(Token::Number(n, length)) = self.peek() else {
                    return None;
                };
                self.next += 1;
                let millis = milliseconds(n, length);
                if hour == 24 && millis > 0 {
                    return None;
                }
                self.parts.time.push(millis);
            }
        }
        match self.peek() {
            Some(Token::Zone(_, true)) => {
                self.next += 1;
                (self.parts.zone_hour, self.parts.sign) = (Some(0), Some(1));
            }
            Some(Token::Symbol(sign @ ('+' | '-'))) => {
                self.next += 1;
                self.parts.sign = Some(if sign == '-' { -1 } else { 1 });
                if let Some(both) = self.fixed(4, 0..=9999) {
                    let (hour, minute) = (both / 100, both % 100);
                    if hour > 23 || minute > 59 {
                        return None;
                    }
                    (self.parts.zone_hour, self.parts.zone_minute) = (Some(hour), Some(minute));
                } else {
                    let hour = self.fixed(2, 0..=23)?;
                    self.parts.zone_hour = Some(hour);
                    if !self.skip(Token::Symbol(':')) {
                        return None;
                    }
                    let minute = self.fixed(2, 0..=59)?;
                    self.parts.zone_minute = Some(minute);
                }
            }
            _ => {}
        }
        if self.peek().is_some() {
            return None;
        }
        self.parts.iso = true;
        Some(true)
    }

    fn loose(&mut self) -> Option<()> {
        let mut number_read = !self.parts.day.is_empty();
        while let Some(token) = self.peek() {
            self.next += 1;
            match token {
                Token::Number(n, _) => {
                    number_read = true;
                    self.loose_number(n)?;
                }
                Token::Half(hours) if !self.parts.time.is_empty() => self.parts.half = Some(hours),
                Token::Month(month) => {
                    self.parts.month = Some(month);
                    self.skip(Token::Symbol('-'));
                }
                Token::Zone(hours, _) if number_read => {
                    self.parts.sign = Some(if hours < 0 { -1 } else { 1 });
                    (self.parts.zone_hour, self.parts.zone_minute) = (Some(hours.abs()), Some(0));
                }
                // Words before the first number, such as the day of the week, say nothing.
                Token::Half(_) | Token::Zone(..) | Token::Word | Token::Separator => {
                    if number_read || matches!(self.peek(), Some(Token::Number(..))) {
                        return None;
                    }
                }
                Token::Symbol(sign @ ('+' | '-')) if self.parts.is_utc() || !self.parts.time.is_empty() => {
                    self.parts.sign = Some(if sign == '-' { -1 } else { 1 });
                    let (mut n, mut length) = (0, 0);
                    if let Some(Token::Number(value, digits)) = self.peek() {
                        self.next += 1;
                        (n, length) = (value, digits);
                    }
                    number_read = true;
                    let (hour, minute) = match length {
                        _ if self.peek() == Some(Token::Symbol(':')) => (n, None),
                        1 | 2 => (n, Some(0)),
                        3 | 4 => (n / 100, Some(n % 100)),
                        _ => return None,
                    };
                    (self.parts.zone_hour, self.parts.zone_minute) = (Some(hour), minute);
                }
                Token::Symbol('+' | '-' | ')') if number_read => return None,
                Token::Symbol(_) | Token::Space | Token::Unknown => {}
            }
        }
        Some(())
    }

    fn loose_number(&mut self, n: i64) -> Option<()> {
        let parts = &mut self.parts;
        let place = if parts.time_done { 4 } else { parts.time.len() };
        let expects_time = (matches!(place, 1 | 2) && n < 60) || (place == 3 && n < 1000);
        if self.skip(Token::Symbol(':')) {
            if self.skip(Token::Symbol(':')) {
                if !self.parts.time.is_empty() {
                    return None;
                }
                self.parts.time.push(n);
                self.parts.time.push(0);
            } else {
                if place >= 4 {
                    return None;
                }
                self.parts.time.push(n);
                self.skip(Token::Symbol('.'));
            }
            return Some(());
        }
        if self.peek() == Some(Token::Symbol('.')) && expects_time {
            self.next += 1;
            self.parts.time.push(n);
            let Some(Token::Number(n, length)) = self.peek() else {
                return None;
            };
            self.next += 1;
            self.parts.time.push(milliseconds(n, length));
            self.parts.time_done = true;
        } else if self.parts.zone_hour.is_some() && self.parts.zone_minute.is_none() && n < 60 {
            self.parts.zone_minute = Some(n);
        } else if expects_time {
            self.parts.time.push(n);
            self.parts.time_done = true;
            if !matches!(
                self.peek(),
                None | Some(Token::Space | Token::Zone(_, true) | Token::Symbol('+' | '-'))
            ) {
                return None;
            }
        } else {
            if self.parts.day.len() >= 3 {
                return None;
            }
            self.parts.day.push(n);
            // A dash that belongs to the date is no sign of an offset, nor is one after a dot.
            let dotted = [Some(Token::Symbol('.')), Some(Token::Symbol('-'))];
            if [self.peek(), self.tokens.get(self.next + 1).copied()] == dotted {
                self.next += 1;
            }
            self.skip(Token::Symbol('-'));
        }
        Some(())
    }
}

/// The first three digits of a fraction.
fn milliseconds(n: i64, length: usize) -> i64 {
    match length {
        1 => n * 100,
        2 => n * 10,
        3 => n,
        // Only nine significant digits are kept, so what was cut off is taken into account.
        _ => {
            let mut n = n;
            let mut length = length.min(9);
            while length > 3 {
                n /= 10;
                length -= 1;
            }
            n
        }
    }
}

impl Parts {
    fn is_utc(&self) -> bool {
        self.zone_hour == Some(0) && self.zone_minute == Some(0)
    }

    fn finish(mut self) -> Option<Civil> {
        if self.day.is_empty() {
            return None;
        }
        self.day.resize(3, 1);
        let is_day = |n: i64| (1..=31).contains(&n);
        let [a, b, c] = [self.day[0], self.day[1], self.day[2]];
        let (mut year, month, day) = match self.month {
            _ if self.iso => (a, b, c),
            None if !is_day(a) => (a, b, c),
            None => (c, a, b),
            Some(month) if is_day(a) => (b, month, a),
            Some(month) => (a, month, b),
        };
        if !self.iso {
            year += match year {
                0..=49 => 2000,
                50..=99 => 1900,
                _ => 0,
            };
        }
        // Years beyond what a date can hold would only overflow on the way.
        if !(1..=12).contains(&month) || !is_day(day) || year.abs() > 400_000 {
            return None;
        }
        self.time.resize(self.time.len().max(4), 0);
        let [mut hour, minute, second, millis] = [self.time[0], self.time[1], self.time[2], self.time[3]];
        if let Some(half) = self.half {
            if !(0..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + half;
        }
        let in_day = hour < 24 && minute < 60 && second < 60 && millis < 1000;
        if !in_day && (hour != 24 || minute > 0 || second > 0 || millis > 0) {
            return None;
        }
        let offset = self
            .sign
            .map(|sign| sign * (self.zone_hour.unwrap_or(0) * 3600 + self.zone_minute.unwrap_or(0) * 60));
        // Engines give up on offsets that do not fit into a small integer.
        if offset.is_some_and(|offset| i32::try_from(offset).is_err()) {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        #[expect(
            clippy::cast_precision_loss,
            reason = "years have six digits at most, which is below 2^53 milliseconds"
        )]
        let millis = (seconds * 1000 + millis) as f64;
        Some(Civil { millis, offset })
    }
}

/// Days since 1970 in the proleptic Gregorian calendar. Counting years from March puts the leap day at their end.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970.
pub(super) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    (
        era * 400 + year_of_era + i64::from(month <= 2),
        month,
        day_of_year - (153 * shifted_month + 2) / 5 + 1,
    )
}
