//! Connection modes: who a connection belongs to, and which ones a list shows (channels.md 3.1 and 1.1.1).

use campanile_connect::oauth::Mode;
use campanile_model::Result;

use crate::choices;
use crate::v1::channels::Named;

choices! {
    /// Whether a connection belongs to a subscriber, or to a context and everybody in it.
    ConnectionMode { Subscriber = "subscriber", Shared = "shared", }
}

/// Refuses a creation that names too little for its mode.
pub(super) fn check(mode: Option<ConnectionMode>, has_subscriber: bool, has_context: bool) -> Result<()> {
    Mode::check(mode.map(Mode::from), has_subscriber, has_context)
}

impl From<ConnectionMode> for Mode {
    fn from(mode: ConnectionMode) -> Self {
        match mode {
            ConnectionMode::Subscriber => Self::Subscriber,
            ConnectionMode::Shared => Self::Shared,
        }
    }
}

/// Whether the subscriber of a creation becomes the owner: a shared connection has none.
pub(super) fn is_owned(mode: Option<ConnectionMode>) -> bool {
    mode != Some(ConnectionMode::Shared)
}

/// Whose connections a list shows, as stored; nothing for everybody's. The mode counts only beside a subscriber.
pub(super) fn owners(subscriber: Named, mode: Option<ConnectionMode>) -> Option<Vec<String>> {
    let own = match subscriber {
        Named::Absent => return None,
        Named::Unknown => None,
        Named::Known(id) => Some(id.to_string()),
    };
    let shared = || Some(String::new());
    let owners = match mode {
        Some(ConnectionMode::Subscriber) => [own, None],
        Some(ConnectionMode::Shared) => [None, shared()],
        None => [own, shared()],
    };
    Some(owners.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use campanile_model::{Error, Id};

    use super::ConnectionMode::{Shared, Subscriber};
    use super::*;

    #[test]
    fn a_mode_says_what_must_be_named() {
        let table = [
            (
                None,
                false,
                false,
                Some("Either subscriberId or context must be provided"),
            ),
            (None, true, false, None),
            (None, false, true, None),
            (
                Some(Shared),
                true,
                false,
                Some("context is required when connectionMode is \"shared\""),
            ),
            (Some(Shared), false, true, None),
            (
                Some(Subscriber),
                false,
                true,
                Some("subscriberId is required when connectionMode is \"subscriber\""),
            ),
            (Some(Subscriber), true, false, None),
        ];
        for (mode, subscriber, context, expected) in table {
            let problem = check(mode, subscriber, context).err();
            let message = problem.as_ref().map(Error::message);
            assert_eq!(message, expected, "{mode:?} {subscriber} {context}");
        }
    }

    #[test]
    fn a_list_by_subscriber_shows_their_own_and_the_shared_ones() {
        let id = Id::from_bytes([1; 12]);
        let known = Named::Known(id);
        let own = id.to_string();
        let table = [
            (Named::Absent, None, None),
            (Named::Absent, Some(Shared), None),
            (known, None, Some(vec![own.as_str(), ""])),
            (known, Some(Subscriber), Some(vec![own.as_str()])),
            (known, Some(Shared), Some(vec![""])),
            (Named::Unknown, None, Some(vec![""])),
            (Named::Unknown, Some(Subscriber), Some(vec![])),
            (Named::Unknown, Some(Shared), Some(vec![""])),
        ];
        for (subscriber, mode, expected) in table {
            let expected = expected.map(|list| list.into_iter().map(str::to_owned).collect());
            assert_eq!(owners(subscriber, mode), expected, "{subscriber:?} {mode:?}");
        }
    }
}
