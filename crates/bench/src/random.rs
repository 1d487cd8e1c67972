//! Random numbers for idempotency keys and throw-away secrets; nothing here guards anything of value.

use std::hash::{BuildHasher, Hasher, RandomState};

/// splitmix64: one multiplication or two per number, because the generator must not cost what it measures.
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by the standard library's own per-process randomness.
    pub(crate) fn seeded() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `words` times sixteen hex digits.
    pub(crate) fn hex(&mut self, words: usize) -> String {
        let numbers: Vec<String> = std::iter::repeat_with(|| format!("{:016x}", self.next()))
            .take(words)
            .collect();
        numbers.concat()
    }
}
