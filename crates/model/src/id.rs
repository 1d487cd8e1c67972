//! Ids in the form of a MongoDB ObjectId: 24 lower-case hex digits, ascending with time on every node.
//!
//! Official clients use ids as cursors and some check their form, so the form is part of the contract.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Serialize, Serializer};

use crate::clock::Clock;

/// One id: 4 bytes of seconds, 2 bytes of a second's fraction, 2 bytes of node number, 4 bytes of counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 12]);

impl Id {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The twelve bytes, most significant first.
    pub const fn bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// Whether `text` has the form of an id: exactly 24 lower-case hex digits.
    pub fn is_id(text: &str) -> bool {
        text.len() == 24 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; 24];
        match hex::encode_to_slice(self.0, &mut buffer) {
            Ok(()) => f.write_str(std::str::from_utf8(&buffer).unwrap_or_default()),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 24 lower-case hex digits are needed")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if !Self::is_id(text) {
            return Err(NotAnId);
        }
        let mut bytes = [0u8; 12];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAnId)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Makes ids that ascend on this node and never repeat on another one.
#[derive(Debug)]
pub struct IdMaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    node: u16,
    counter: u32,
    /// The last time part given out, in 1/65536 seconds: ids never run backwards, even when the wall clock does.
    last: u64,
}

impl IdMaker {
    /// A maker for a leased `node` number. `start` is where the counter begins; a random start keeps a node number
    /// that was leased again within the same fraction of a second from repeating an id.
    pub fn new(clock: Clock, node: u16, start: u32) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                node,
                counter: start,
                last: 0,
            }),
        }
    }

    /// Goes on under another node number, after the lease of the first one was lost.
    pub fn renumber(&self, node: u16) {
        self.lock().node = node;
    }

    /// The next id.
    pub fn next(&self) -> Id {
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let ticks = ((millis / 1000) << 16) | (((millis % 1000) << 16) / 1000);
        let mut state = self.lock();
        state.last = state.last.max(ticks);
        state.counter = state.counter.wrapping_add(1);
        if state.counter == 0 {
            // The counter is the low end of an id: when it starts again, time has to move on for ids to ascend.
            state.last += 1;
        }
        let mut bytes = [0u8; 12];
        bytes[..6].copy_from_slice(&state.last.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&state.node.to_be_bytes());
        bytes[8..].copy_from_slice(&state.counter.to_be_bytes());
        Id(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_when_the_counter_starts_again() {
        let maker = IdMaker::new(Clock::fixed(1_700_000_000_123), 7, u32::MAX - 3);
        let ids: Vec<Id> = (0..10).map(|_| maker.next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        assert!(ids.windows(2).all(|pair| pair[0].to_string() < pair[1].to_string()));
    }

    #[test]
    fn an_id_begins_with_its_seconds() {
        let maker = IdMaker::new(Clock::fixed(1_700_000_000_999), 1, 0);
        assert!(maker.next().to_string().starts_with(&format!("{:08x}", 1_700_000_000)));
    }

    #[test]
    fn only_24_lower_case_hex_digits_are_an_id() {
        assert!(Id::is_id("6615943e7ace93b0540ae377"));
        for text in [
            "",
            "6615943E7ACE93B0540AE377",
            "6615943e7ace93b0540ae37",
            "6615943e7ace93b0540ae37g",
        ] {
            assert!(!Id::is_id(text), "{text}");
            assert_eq!(text.parse::<Id>(), Err(NotAnId));
        }
        assert_eq!(
            "6615943e7ace93b0540ae377".parse::<Id>().unwrap().to_string(),
            "6615943e7ace93b0540ae377"
        );
    }
}
