//! SHA-256 and its keyed form (FIPS 180-4, RFC 2104). Only for templates: nothing secret is compared here.

use std::fmt::Write as _;

use super::arg;
use crate::render::{Outcome, Renderer};
use crate::value::Value;

pub(super) fn sha256<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(hex(&digest(r.text(&input)?.as_bytes())).into())
}

pub(super) fn hmac_sha256<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let key = arg(args, 0);
    let (text, key) = (r.text(&input)?, r.text(&key)?);
    let mut block = [0; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&digest(key.as_bytes()));
    } else {
        block[..key.len()].copy_from_slice(key.as_bytes());
    }
    let inner: Vec<u8> = block.iter().map(|b| b ^ 0x36).chain(text.bytes()).collect();
    let outer: Vec<u8> = block.iter().map(|b| b ^ 0x5c).chain(digest(&inner)).collect();
    Ok(hex(&digest(&outer)).into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The first primes, from whose roots the constants of the algorithm are drawn.
fn primes() -> impl Iterator<Item = u64> {
    (2_u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
}

/// The first 32 bits after the point of the root of `n`: the largest `x` with `x^power <= n * 2^(32 * power)`.
fn root_fraction(n: u64, power: u32) -> u32 {
    let target = u128::from(n) << (32 * power);
    let (mut low, mut high) = (0_u128, 1 << 40);
    while high - low > 1 {
        let middle = u128::midpoint(low, high);
        if middle.pow(power) <= target {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low & 0xffff_ffff) as u32
}

fn digest(data: &[u8]) -> [u8; 32] {
    let mut state = [0; 8];
    let mut constants = [0; 64];
    primes()
        .zip(&mut state)
        .for_each(|(prime, word)| *word = root_fraction(prime, 2));
    primes()
        .zip(&mut constants)
        .for_each(|(prime, word)| *word = root_fraction(prime, 3));

    let mut message = data.to_vec();
    message.push(0x80);
    message.resize(message.len().next_multiple_of(64), 0);
    if message.len() < data.len() + 9 {
        message.resize(message.len() + 64, 0);
    }
    let end = message.len() - 8;
    message[end..].copy_from_slice(&(data.len() as u64 * 8).to_be_bytes());
    message
        .chunks_exact(64)
        .for_each(|block| compress(&mut state, block, &constants));

    let mut out = [0; 32];
    out.chunks_exact_mut(4)
        .zip(state)
        .for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    out
}

#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn compress(state: &mut [u32; 8], block: &[u8], constants: &[u32; 64]) {
    let mut words = [0_u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for i in 16..64 {
        let (early, late) = (words[i - 15], words[i - 2]);
        let s0 = early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3;
        let s1 = late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10;
        words[i] = words[i - 16]
            .wrapping_add(s0)
            .wrapping_add(words[i - 7])
            .wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in words.iter().zip(constants) {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h
            .wrapping_add(s1)
            .wrapping_add(choice)
            .wrapping_add(*constant)
            .wrapping_add(*word);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = s0.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(change);
    }
}
