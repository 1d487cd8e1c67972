//! JavaScript numbers: their text form, and the numbers that text stands for.

use std::fmt::Write as _;

/// Whether JavaScript counts the character as white space (`\s`, `trim`); Rust's own idea differs in U+0085 and U+FEFF.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// The text JavaScript prints for a number.
pub(crate) fn format(n: f64) -> String {
    if n.is_nan() {
        return "NaN".into();
    }
    if n.is_infinite() {
        return if n > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if n == 0.0 {
        return "0".into();
    }
    // Rust's exponent form carries the shortest digits that read back as the same number, as JavaScript wants.
    let scientific = format!("{:e}", n.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let mut out = String::with_capacity(24);
    if n < 0.0 {
        out.push('-');
    }
    let width = |n: i32| usize::try_from(n).unwrap_or(0);
    if (count..=21).contains(&point) {
        out.push_str(&digits);
        out.push_str(&"0".repeat(width(point - count)));
    } else if (1..=21).contains(&point) {
        let (whole, rest) = digits.split_at(width(point));
        out.push_str(whole);
        out.push('.');
        out.push_str(rest);
    } else if (-5..=0).contains(&point) {
        out.push_str("0.");
        out.push_str(&"0".repeat(width(-point)));
        out.push_str(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        let exponent = point - 1;
        let _ = write!(out, "e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    out
}

/// The number JavaScript reads from text; NaN when it is none.
pub(crate) fn parse(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    if text.is_empty() {
        return 0.0;
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return radix_digits(digits, radix);
        }
    }
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "Infinity" => {
            return if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            };
        }
        // Rust also reads words such as "inf" and "nan", JavaScript does not.
        rest if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return f64::NAN,
        _ => {}
    }
    text.parse().unwrap_or(f64::NAN)
}

fn radix_digits(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    digits
        .chars()
        .try_fold(0.0, |sum, c| {
            c.to_digit(radix).map(|d| sum * f64::from(radix) + f64::from(d))
        })
        .unwrap_or(f64::NAN)
}

/// A count as a number; counts never come near 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of values in memory are far below 2^53"
)]
pub(crate) fn from_len(n: usize) -> f64 {
    n as f64
}

/// Exact equality, for counts and flags that come from templates.
#[expect(clippy::float_cmp, reason = "JavaScript compares them exactly, too")]
pub(crate) fn same(left: f64, right: f64) -> bool {
    left == right
}

/// Milliseconds as a number; dates stay below 2^53 of them.
#[expect(clippy::cast_precision_loss, reason = "dates are bounded to 8.64e15 milliseconds")]
pub(crate) fn from_millis(n: i64) -> f64 {
    n as f64
}

/// Truncates towards zero and saturates; NaN becomes 0.
#[expect(clippy::cast_possible_truncation, reason = "saturating is what array positions need")]
pub(crate) fn to_int(n: f64) -> i64 {
    n as i64
}

/// A non-negative position; negative numbers and NaN become 0.
pub(crate) fn to_index(n: f64) -> usize {
    usize::try_from(to_int(n).max(0)).unwrap_or(usize::MAX)
}

/// The exact text of an array index, as JavaScript recognises one among property names.
pub(crate) fn canonical_index(key: &str) -> Option<usize> {
    let canonical = key == "0"
        || (key.len() <= 10 && !key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()) && !key.is_empty());
    canonical.then(|| key.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_javascript() {
        for (n, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e-7, "1e-7"),
            (0.000_001, "0.000001"),
            (-1.5, "-1.5"),
            (-0.0, "0"),
            (100.0, "100"),
            (f64::NAN, "NaN"),
            (1.5e300, "1.5e+300"),
        ] {
            assert_eq!(format(n), text);
        }
    }

    #[test]
    fn text_reads_as_in_javascript() {
        for (text, n) in [
            ("", 0.0),
            (" 12 ", 12.0),
            ("0x1F", 31.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+3", 3.0),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert!(
                (parse(text) - n).abs() < 1e-12 || parse(text).to_bits() == n.to_bits(),
                "{text}"
            );
        }
        for text in ["abc", "1x", "inf", "nan", "0x", "- 1", "1_000", "--1", "e5", "."] {
            assert!(parse(text).is_nan(), "{text}");
        }
    }
}
