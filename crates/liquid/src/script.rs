//! JavaScript's conversions of texts, numbers and dates, for others that have to judge values as JavaScript does.

use crate::filters::date_parse;
use crate::number;

/// The text that JavaScript prints for a number.
pub fn text_of(number: f64) -> String {
    number::format(number)
}

/// JavaScript's `Number(text)`; NaN when the text is none.
pub fn number_of(text: &str) -> f64 {
    number::parse(text)
}

/// JavaScript's `parseFloat(text)`: the longest beginning that is a number; NaN when there is none.
pub fn leading_number(text: &str) -> f64 {
    let text = text.trim_start_matches(number::is_space);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = text.len() - unsigned.len();
    if unsigned.starts_with("Infinity") {
        return number::parse(&text[..sign + "Infinity".len()]);
    }
    let digits = |from: usize| unsigned[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if unsigned[end..].starts_with('.') {
        let after = digits(end + 1);
        if end + after > 0 {
            end += 1 + after;
        }
    }
    if end > 0 && unsigned[end..].starts_with(['e', 'E']) {
        let signed = usize::from(unsigned[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + signed);
        if exponent > 0 {
            end += 1 + signed + exponent;
        }
    }
    if end == 0 {
        return f64::NAN;
    }
    number::parse(&text[..sign + end])
}

/// JavaScript's `Date.parse(text)` in a process whose zone is UTC: milliseconds since 1970, or nothing.
pub fn date_of(text: &str) -> Option<f64> {
    /// The largest time a JavaScript date can hold, in milliseconds.
    const MOST: f64 = 8.64e15;
    let civil = date_parse::parse(text)?;
    let millis = civil.millis - number::from_millis(civil.offset.unwrap_or(0) * 1000);
    (millis.abs() <= MOST).then(|| millis.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_at_the_beginning_of_a_text() {
        for (text, wanted) in [
            ("12px", 12.0),
            (" -1.5e3x", -1500.0),
            (".5.5", 0.5),
            ("5.", 5.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("0x10", 0.0),
            ("-Infinityx", f64::NEG_INFINITY),
        ] {
            assert_eq!(leading_number(text).to_bits(), f64::to_bits(wanted), "{text}");
        }
        for text in ["", "x1", ".", "-", "e5", "+.e1"] {
            assert!(leading_number(text).is_nan(), "{text}");
        }
    }

    #[test]
    fn dates_without_a_zone_are_utc() {
        assert_eq!(
            date_of("1970-01-01T00:00:01").map(f64::to_bits),
            Some(1000_f64.to_bits())
        );
        assert_eq!(
            date_of("1970-01-01T01:00:00+01:00").map(f64::to_bits),
            Some(0_f64.to_bits())
        );
        assert_eq!(date_of("soon"), None);
    }
}
