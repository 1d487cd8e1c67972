//! Base64.

use crate::error::Fault;
use crate::render::{Outcome, Renderer};
use crate::value::Value;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn encode<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let mut out = String::with_capacity(text.len() * 4 / 3 + 4);
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | chunk.get(i).copied().map_or(0, usize::from));
        for i in 0..4 {
            let c = if i <= chunk.len() {
                char::from(ALPHABET[bits >> (18 - 6 * i) & 63])
            } else {
                '='
            };
            out.push(c);
        }
    }
    Ok(out.into())
}

pub(super) fn decode<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let mut digits: Vec<u8> = text
        .bytes()
        .filter(|b| !matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' '))
        .collect();
    if digits.len().is_multiple_of(4) {
        for _ in 0..2 {
            digits.pop_if(|last| *last == b'=');
        }
    }
    let invalid = || Fault::new("invalid base64 provided to base64_decode");
    if digits.len() % 4 == 1 {
        return Err(invalid());
    }
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = ALPHABET
            .iter()
            .position(|c| *c == digit)
            .and_then(|i| u32::try_from(i).ok())
            .ok_or_else(invalid)?;
        bits = (bits << 6 | value) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}
