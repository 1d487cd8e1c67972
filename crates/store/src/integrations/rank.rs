//! Which integration of a channel is the primary one, and in which order the others follow (api.md 4.4).
//!
//! Only e-mail and SMS are ranked: the other channels use all their active integrations at once. The rules are one pure
//! function from how the integrations stood, and what happens to one of them, to how they stand afterwards.

use campanile_model::{Channel, Id};

/// Whether integrations of this channel have an order.
pub const fn is_ranked(channel: Option<Channel>) -> bool {
    matches!(channel, Some(Channel::Email | Channel::Sms))
}

/// How an integration stands among those of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub id: Id,
    /// Whether it is used.
    pub active: bool,
    /// Whether it is the one that is used first; at most one is.
    pub primary: bool,
    /// Higher goes first; 0 for those that are not active.
    pub priority: i64,
}

impl Standing {
    /// One that is not used.
    pub const fn idle(id: Id) -> Self {
        Self {
            id,
            active: false,
            primary: false,
            priority: 0,
        }
    }
}

/// What happens to one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Its rank does not change.
    Stay,
    /// It becomes active, below the primary and above all others.
    Join,
    /// It becomes active and primary; the primary before it steps back.
    Lead,
    /// It is primary no more; nobody is promoted.
    Yield,
    /// It becomes inactive; nobody is promoted.
    Leave,
}

/// The move of a new integration: the first that is created active leads, unless it is only for some conditions.
pub fn move_of_new(standings: &[Standing], active: bool, conditional: bool) -> Move {
    if !active {
        Move::Stay
    } else if conditional || standings.iter().any(|standing| standing.primary) {
        Move::Join
    } else {
        Move::Lead
    }
}

/// The move of a changed integration. Activating one never makes it primary.
pub fn move_of_changed(before: Standing, active: bool, conditional: bool) -> Move {
    match (before.active, active) {
        (false, false) => Move::Stay,
        (false, true) => Move::Join,
        (true, false) => Move::Leave,
        (true, true) if before.primary && conditional => Move::Yield,
        (true, true) => Move::Stay,
    }
}

/// How all stand after the integration `id` has made its move: the active ones are numbered n … 1, the primary first.
pub fn rank(standings: &[Standing], id: Id, step: Move) -> Vec<Standing> {
    let mut after = standings.to_vec();
    for standing in &mut after {
        let is_it = standing.id == id;
        match step {
            Move::Lead => standing.primary = is_it,
            Move::Yield | Move::Leave if is_it => standing.primary = false,
            _ => {}
        }
        match step {
            Move::Join if is_it => (standing.active, standing.priority) = (true, i64::MAX),
            Move::Lead if is_it => standing.active = true,
            Move::Leave if is_it => standing.active = false,
            _ => {}
        }
        standing.primary &= standing.active;
    }
    let mut order: Vec<usize> = (0..after.len()).filter(|index| after[*index].active).collect();
    order.sort_by_key(|index| {
        let standing = &after[*index];
        (!standing.primary, std::cmp::Reverse(standing.priority), standing.id)
    });
    for standing in &mut after {
        standing.priority = 0;
    }
    for (place, index) in order.iter().rev().enumerate() {
        after[*index].priority = i64::try_from(place + 1).unwrap_or(i64::MAX);
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        let mut bytes = [0; 12];
        bytes[11] = number;
        Id::from_bytes(bytes)
    }

    /// `*2` is a primary of priority 2, `1` an active one of priority 1, `0` an inactive one; ids count from 1.
    fn standings(text: &str) -> Vec<Standing> {
        (1..)
            .zip(text.split_whitespace())
            .map(|(number, word)| {
                let priority: i64 = word.trim_start_matches('*').parse().unwrap();
                Standing {
                    id: id(number),
                    active: priority > 0,
                    primary: word.starts_with('*'),
                    priority,
                }
            })
            .collect()
    }

    fn text(standings: &[Standing]) -> String {
        let words: Vec<String> = standings
            .iter()
            .map(|standing| {
                assert_eq!(standing.active, standing.priority > 0);
                format!("{}{}", if standing.primary { "*" } else { "" }, standing.priority)
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn every_move_keeps_the_order_of_the_others() {
        for (before, number, step, after) in [
            // The first one leads, later ones go below it and above the rest.
            ("0", 1, Move::Lead, "*1"),
            ("*1 0", 2, Move::Join, "*2 1"),
            ("*2 1 0", 3, Move::Join, "*3 1 2"),
            // Activated with nothing else active, or with no primary.
            ("0 0", 1, Move::Join, "1 0"),
            ("1 0", 2, Move::Join, "1 2"),
            // Deactivating the primary leaves none; deactivating another closes the gap.
            ("*3 2 1", 1, Move::Leave, "0 2 1"),
            ("*3 2 1", 2, Move::Leave, "*2 0 1"),
            ("*1", 1, Move::Leave, "0"),
            // A new primary takes the first place, also from inactivity; the old one follows it.
            ("*3 2 1", 3, Move::Lead, "2 1 *3"),
            ("*2 1 0", 3, Move::Lead, "2 1 *3"),
            ("2 1", 2, Move::Lead, "1 *2"),
            // Conditions take the flag, not the place.
            ("*3 2 1", 1, Move::Yield, "3 2 1"),
            ("3 2 1", 2, Move::Yield, "3 2 1"),
            // What was numbered otherwise is numbered again.
            ("*3 2 2", 2, Move::Leave, "*2 0 1"),
            ("5 9 0", 3, Move::Stay, "1 2 0"),
            ("0 0", 1, Move::Stay, "0 0"),
        ] {
            let ranked = rank(&standings(before), id(number), step);
            assert_eq!(text(&ranked), after, "{before}: {number} {step:?}");
        }
    }

    #[test]
    fn only_one_that_is_created_active_leads_by_itself() {
        for (before, active, conditional, step) in [
            ("", true, false, Move::Lead),
            ("0", true, false, Move::Lead),
            ("1", true, false, Move::Lead),
            ("*1", true, false, Move::Join),
            ("", true, true, Move::Join),
            ("", false, false, Move::Stay),
        ] {
            assert_eq!(
                move_of_new(&standings(before), active, conditional),
                step,
                "{before} {active} {conditional}"
            );
        }
    }

    #[test]
    fn a_change_moves_by_activity_and_conditions() {
        for (before, active, conditional, step) in [
            ("0", true, false, Move::Join),
            ("0", true, true, Move::Join),
            ("0", false, true, Move::Stay),
            ("*1", false, false, Move::Leave),
            ("*1", false, true, Move::Leave),
            ("*1", true, true, Move::Yield),
            ("*1", true, false, Move::Stay),
            ("1", true, true, Move::Stay),
        ] {
            assert_eq!(
                move_of_changed(standings(before)[0], active, conditional),
                step,
                "{before} {active} {conditional}"
            );
        }
    }

    #[test]
    fn chat_push_and_in_app_are_not_ranked() {
        let ranked: Vec<Channel> = Channel::ALL
            .iter()
            .copied()
            .filter(|channel| is_ranked(Some(*channel)))
            .collect();
        assert_eq!(ranked, [Channel::Email, Channel::Sms]);
        assert!(!is_ranked(None));
    }
}
