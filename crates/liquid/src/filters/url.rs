//! Text inside addresses.

use super::{arg, arg_or};
use crate::convert;
use crate::error::Fault;
use crate::number::is_space;
use crate::render::{Outcome, Renderer};
use crate::value::{Text, Value};

/// What JavaScript's `encodeURIComponent` leaves alone besides letters and digits.
const COMPONENT: &str = "-_.!~*'()";
/// What `encodeURI` leaves alone in addition, and the brackets that the filter restores.
const WHOLE: &str = "-_.!~*'();/?:@&=+$,#[]";

fn encoded(text: &str, kept: &str, space: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || (c.is_ascii() && kept.contains(c)) {
            out.push(c);
        } else if c == ' ' {
            out.push_str(space);
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

pub(super) fn url_encode<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(encoded(&r.text(&input)?, COMPONENT, "+").into())
}

pub(super) fn cgi_escape<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(encoded(&r.text(&input)?, "-_.~", "+").into())
}

pub(super) fn uri_escape<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(encoded(&r.text(&input)?, WHOLE, "%20").into())
}

pub(super) fn url_decode<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let malformed = || Fault::new("URI malformed");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = rest else {
                    return Err(malformed());
                };
                let digit = |c: &u8| {
                    char::from(*c)
                        .to_digit(16)
                        .and_then(|d| u8::try_from(d).ok())
                        .ok_or_else(malformed)
                };
                bytes.push(digit(high)? << 4 | digit(low)?);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map(Value::from).map_err(|_| malformed())
}

pub(super) fn slugify<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let mode = convert::string(&arg_or(args, 0, Value::Text(Text::Data("default"))), &r.budget)?;
    let text = r.text(&input)?;
    let keep: Option<fn(char) -> bool> = match mode.as_str() {
        "raw" => Some(|c| !is_space(c)),
        "default" | "latin" => Some(is_letter_or_digit),
        "pretty" => Some(|c| is_letter_or_digit(c) || "._~!$&'()+,;=@".contains(c)),
        "ascii" => Some(|c| c.is_ascii_alphanumeric()),
        _ => None,
    };
    let slug = match keep {
        Some(keep) if mode == "latin" => dashed(&without_accents(&text), keep),
        Some(keep) => dashed(&text, keep),
        None => text.into_owned(),
    };
    Ok(if arg(args, 1).is_js_truthy() {
        slug
    } else {
        slug.to_lowercase()
    }
    .into())
}

/// Every run of other characters becomes a dash, except for one at each end.
fn dashed(text: &str, keep: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_gap = false;
    for c in text.chars() {
        if keep(c) {
            out.push(c);
        } else if !in_gap {
            out.push('-');
        }
        in_gap = !keep(c);
    }
    let out = out.strip_prefix('-').unwrap_or(&out);
    out.strip_suffix('-').unwrap_or(out).to_owned()
}

/// Letters, marks and decimal digits. The standard library knows letters with some marks; the common blocks of combining
/// marks are added, numbers that are no decimal digits are left out by their blocks.
fn is_letter_or_digit(c: char) -> bool {
    let mark = matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{94d}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}');
    let letter_number = matches!(c, '\u{2160}'..='\u{2182}' | '\u{2185}'..='\u{2188}' | '\u{24b6}'..='\u{24e9}' | '\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303a}' | '\u{1f130}'..='\u{1f189}');
    mark || (c.is_alphabetic() && !letter_number) || is_decimal_digit(c)
}

/// Decimal digits come in runs of ten; these are the zeros of the scripts in use.
fn is_decimal_digit(c: char) -> bool {
    const ZEROS: [u32; 24] = [
        0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
        0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0xa9d0, 0xff10,
    ];
    ZEROS.iter().any(|zero| (*zero..zero + 10).contains(&u32::from(c)))
}

fn without_accents(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.push_str(match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => "a",
            'æ' => "ae",
            'ç' => "c",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ð' => "d",
            'ñ' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => "o",
            'ù' | 'ú' | 'û' | 'ü' => "u",
            'ý' | 'ÿ' => "y",
            'ß' => "ss",
            'œ' => "oe",
            'þ' => "th",
            'ẞ' => "SS",
            'Œ' => "OE",
            'Þ' => "TH",
            other => {
                out.push(other);
                continue;
            }
        });
    }
    out
}
